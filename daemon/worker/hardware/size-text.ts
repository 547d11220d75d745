const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB']

/** `503.55 GiB`, with so many digits behind the point. */
export function sizeText(bytes: number, digits = 2): string {
  let power = 0
  while (power < UNITS.length - 1 && bytes >= 1024 ** (power + 1)) power++
  return `${(bytes / 1024 ** power).toFixed(power === 0 ? 0 : digits)} ${UNITS[power]}`
}

/** `12.34%` */
export const percentText = (part: number, whole: number): string =>
  `${(whole > 0 ? (part / whole) * 100 : 0).toFixed(2)}%`
