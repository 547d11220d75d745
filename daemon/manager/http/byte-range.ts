/** What a `Range` header asks for of so many bytes: the whole, a part, or something that is not there. */
export type ByteRange =
  | { readonly kind: 'whole' }
  | { readonly kind: 'part'; readonly offset: number; readonly length: number }
  | { readonly kind: 'unsatisfiable' }

/** One range in bytes; several at once, other units and what cannot be read are answered with the whole (RFC 9110, 14.2). */
export function byteRange(header: string | undefined, sizeBytes: number): ByteRange {
  const match = /^bytes=\s*(\d*)\s*-\s*(\d*)\s*$/.exec(header ?? '')
  const [from, to] = [match?.[1] ?? '', match?.[2] ?? '']
  if (match === null || (from === '' && to === '')) return { kind: 'whole' }
  if (from === '') {
    const length = Math.min(Number(to), sizeBytes)
    return length === 0 ? { kind: 'unsatisfiable' } : { kind: 'part', offset: sizeBytes - length, length }
  }
  const offset = Number(from)
  if (to !== '' && Number(to) < offset) return { kind: 'whole' }
  if (offset >= sizeBytes) return { kind: 'unsatisfiable' }
  const last = to === '' ? sizeBytes - 1 : Math.min(Number(to), sizeBytes - 1)
  return { kind: 'part', offset, length: last - offset + 1 }
}
