import { emitKeypressEvents } from 'node:readline'

/** Where a table is turned over: a terminal that takes keys one by one. */
export interface Screen {
  readonly input: NodeJS.ReadableStream & { setRawMode?(on: boolean): unknown }
  readonly output: NodeJS.EventEmitter & { write(text: string): unknown; rows?: number; columns?: number }
}

const TITLE = 'sealing calculator'
const KEYS_LINE = 'Up/Down: 1 row   Left/Right/Space: 20 rows   q: quit'
const PAGE = 20
/** Title, header and the line of keys. */
const OTHER_LINES = 3

const ENTER = '\x1b[?1049h\x1b[?25l'
const LEAVE = '\x1b[?25h\x1b[?1049l'
const INVERSE = '\x1b[7m'
const BOLD = '\x1b[1m'
const PLAIN = '\x1b[0m'

/** Rows that a key moves by. */
const MOVES: Readonly<Record<string, number>> = { up: -1, down: 1, left: -PAGE, right: PAGE, space: PAGE }

interface Key {
  readonly name?: string
  readonly ctrl?: boolean
}

/** Shows a table over the whole screen until `q` (or Ctrl-C, Escape) is pressed or the input ends. The selection goes around at both ends. */
export function showTable(header: string, rows: readonly string[], { input, output }: Screen): Promise<void> {
  let selected = 0
  let top = 0
  const draw = (): void => {
    const height = Math.max(1, (output.rows || 24) - OTHER_LINES)
    if (selected < top) top = selected
    if (selected >= top + height) top = selected - height + 1
    const fit = (text: string): string => text.slice(0, output.columns || 80)
    const shown = rows
      .slice(top, top + height)
      .map((row, at) => (top + at === selected ? `${INVERSE}${fit(row)}${PLAIN}` : fit(row)))
    const lines = [`${BOLD}${fit(TITLE)}${PLAIN}`, fit(header), ...shown, fit(KEYS_LINE)]
    output.write(`\x1b[H${lines.map(line => `${line}\x1b[K`).join('\r\n')}\x1b[J`)
  }
  return new Promise(resolve => {
    const stop = (): void => {
      input.off('keypress', press)
      input.off('end', stop)
      output.off('resize', draw)
      input.setRawMode?.(false)
      input.pause()
      output.write(LEAVE)
      resolve()
    }
    const press = (_: unknown, key: Key | undefined): void => {
      if (key?.name === 'q' || key?.name === 'escape' || (key?.ctrl && key.name === 'c')) {
        stop()
        return
      }
      const move = MOVES[key?.name ?? '']
      if (move === undefined || rows.length === 0) return
      selected = (((selected + move) % rows.length) + rows.length) % rows.length
      draw()
    }
    emitKeypressEvents(input)
    input.setRawMode?.(true)
    input.on('keypress', press)
    input.on('end', stop)
    output.on('resize', draw)
    input.resume()
    output.write(ENTER)
    draw()
  })
}
