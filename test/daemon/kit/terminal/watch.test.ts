import { expect } from 'chai'
import { watch } from '../../../../daemon/kit/terminal/watch.js'
import { FakeClock } from '../../worker/support/fake-clock.js'

describe('watching a text', () => {
  /** Shows these texts, 2 s apart, then is interrupted. */
  async function shown(
    texts: (string | Error)[],
    { isTTY = false, redraw = true, columns = 20, rows = 4 } = {},
  ): Promise<string> {
    const clock = new FakeClock()
    const stop = new AbortController()
    let written = ''
    const times: number[] = []
    const sleep = clock.sleep.bind(clock)
    clock.sleep = (ms, signal) => {
      if (texts.length === 0) stop.abort(new Error('Ctrl-C'))
      const slept = sleep(ms, signal)
      clock.turn()
      return slept
    }
    await watch({
      output: { isTTY, columns, rows, write: text => (written += text) },
      clock,
      everyMs: 2_000,
      signal: stop.signal,
      redraw,
      async text() {
        times.push(clock.monotonic())
        const next = texts.shift()!
        if (next instanceof Error) throw next
        return next
      },
    })
    expect(times).to.deep.equal(times.map((_, index) => index * 2_000))
    return written
  }

  it('draws a terminal again from the top, lines and pages cut at the edges', async () => {
    const text = await shown(['a\nb', `${'x'.repeat(30)}\n2\n3\n4\n5`], { isTTY: true })
    expect(text).to.equal(
      `\x1b[H\x1b[2J\x1b[Ha\x1b[K\nb\x1b[K\n\x1b[J\x1b[H${'x'.repeat(20)}\x1b[K\n2\x1b[K\n3\x1b[K\n\x1b[J`,
    )
  })

  it('prints one text after another elsewhere, and where it is told to', async () => {
    expect(await shown(['a', 'b'])).to.equal('a\nb\n')
    expect(await shown(['a', 'b'], { isTTY: true, redraw: false })).to.equal('a\nb\n')
  })

  it('shows an error in place of the text, and asks again', async () => {
    expect(await shown(['a', new Error('no answer'), 'b'])).to.equal('a\nno answer\nb\n')
  })

  it('an interruption does not wait for a text that does not come', async () => {
    const stop = new AbortController()
    const watching = watch({
      output: { write: () => {} },
      clock: new FakeClock(),
      everyMs: 1,
      signal: stop.signal,
      redraw: false,
      text: () => new Promise(() => {}),
    })
    stop.abort()
    await watching
  })
})
