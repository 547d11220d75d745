/** A table in a box with round corners and a line under its header. */
export function boxTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map(row => (row[column] ?? '').length)))
  const rule = (left: string, middle: string, right: string): string =>
    left + widths.map(width => '─'.repeat(width + 2)).join(middle) + right
  const line = (cells: readonly string[]): string =>
    `│${widths.map((width, column) => ` ${(cells[column] ?? '').padEnd(width)} `).join('│')}│`
  return [rule('╭', '┬', '╮'), line(header), rule('├', '┼', '┤'), ...rows.map(line), rule('╰', '┴', '╯')].join('\n')
}
