import { expect } from 'chai'
import { LineSplitter } from '../../../plugins/sdk/line-splitter.js'

function split(chunks: (string | Buffer)[], maxBytes?: number) {
  const lines: string[] = []
  const tooLong: [number, string][] = []
  const splitter = new LineSplitter(
    { onLine: line => lines.push(line), onTooLong: (bytes, start) => tooLong.push([bytes, start]) },
    maxBytes,
  )
  for (const chunk of chunks) splitter.push(Buffer.from(chunk))
  return { lines, tooLong, rest: splitter.rest() }
}

describe('line splitter', () => {
  it('cuts lines wherever the chunks are cut', () => {
    const text = 'one\ntwo\r\n\nfoür\nrest'
    const bytes = Buffer.from(text)
    for (let size = 1; size <= bytes.length; size += 1) {
      const chunks = []
      for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size))
      expect(split(chunks), `chunks of ${size}`).to.deep.equal({
        lines: ['one', 'two', '', 'foür'],
        tooLong: [],
        rest: 'rest',
      })
    }
  })

  it('drops a line that is too long, tells how long it was, and goes on with the next', () => {
    const found = split(['ab', 'c'.repeat(10), 'c'.repeat(10), 'dd\nnext\n'], 8)
    expect(found).to.deep.equal({ lines: ['next'], tooLong: [[24, 'ab']], rest: undefined })
  })

  it('joins 200 MB from 16 KiB chunks in linear time', function () {
    this.timeout(30_000)
    const lengths: number[] = []
    const splitter = new LineSplitter({ onLine: line => lengths.push(line.length) })
    const chunk = Buffer.alloc(16_384, 'x')
    for (let part = 0; part < 12_800; part += 1) splitter.push(chunk)
    splitter.push(Buffer.from('\n'))
    expect(lengths).to.deep.equal([12_800 * 16_384])
  })
})
