import { PassThrough } from 'node:stream'
import { expect } from 'chai'
import { showTable } from '../../../../daemon/worker/sealcalc/screen.js'

const ROWS = Array.from({ length: 50 }, (_, at) => `row ${at}`)

/** A terminal of ten lines that remembers what it was told last. */
class FakeTerminal {
  readonly input = Object.assign(new PassThrough(), {
    raw: [] as boolean[],
    setRawMode(on: boolean) {
      this.raw.push(on)
    },
  })
  readonly written: string[] = []
  readonly output = Object.assign(new PassThrough(), {
    rows: 10,
    columns: 30,
    write: (text: string) => this.written.push(text) > 0,
  })

  show(rows = ROWS): Promise<void> {
    return showTable('header', rows, this)
  }

  /** The row that is selected, after keys as a terminal sends them. */
  async press(...keys: string[]): Promise<string> {
    for (const key of keys) {
      this.input.write(key)
      await new Promise(resolve => setImmediate(resolve))
    }
    return this.selected
  }

  get selected(): string {
    return this.written.at(-1)!.split('\x1b[7m')[1]!.split('\x1b[0m')[0]!
  }
}

const [UP, DOWN, RIGHT, LEFT] = ['A', 'B', 'C', 'D'].map(letter => `\x1b[${letter}`) as [string, string, string, string]

describe('full-screen table of the sealing calculator', () => {
  it('moves by one and by twenty, around both ends', async () => {
    const terminal = new FakeTerminal()
    const shown = terminal.show()
    expect(terminal.selected).to.equal('row 0')
    expect(await terminal.press(DOWN, DOWN)).to.equal('row 2')
    expect(await terminal.press(UP, UP, UP)).to.equal('row 49')
    expect(await terminal.press(DOWN)).to.equal('row 0')
    expect(await terminal.press(RIGHT)).to.equal('row 20')
    expect(await terminal.press(' ')).to.equal('row 40')
    expect(await terminal.press(' ')).to.equal('row 10')
    expect(await terminal.press(LEFT)).to.equal('row 40')
    await terminal.press('q').catch(() => {})
    await shown
  })

  it('fits the screen, has a title, and gives the terminal back', async () => {
    const terminal = new FakeTerminal()
    const shown = terminal.show()
    expect(await terminal.press(RIGHT)).to.equal('row 20')
    const lines = terminal.written.at(-1)!.split('\r\n')
    expect(lines).to.have.length(10)
    expect(lines[0]).to.contain('sealing calculator')
    expect(lines[1]).to.contain('header')
    terminal.output.rows = 5
    terminal.output.emit('resize')
    expect(terminal.written.at(-1)!.split('\r\n')).to.have.length(5)
    terminal.input.write('q')
    await shown
    expect(terminal.written[0]).to.contain('\x1b[?1049h')
    expect(terminal.written.at(-1)).to.contain('\x1b[?1049l')
    expect(terminal.input.raw).to.deep.equal([true, false])
  })

  it('ends with the input, and has nothing to move in an empty table', async () => {
    const terminal = new FakeTerminal()
    const shown = terminal.show([])
    terminal.input.write(DOWN)
    terminal.input.end()
    await shown
    expect(terminal.written.at(-1)).to.contain('\x1b[?1049l')
  })
})
