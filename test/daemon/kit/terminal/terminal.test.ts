import { expect } from 'chai'
import { clockText, ProgressLine } from '../../../../daemon/kit/terminal/progress-line.js'
import { tableText } from '../../../../daemon/kit/terminal/table.js'

describe('kit/terminal', () => {
  const play = (isTTY: boolean): string => {
    let now = 0
    let shown = ''
    const line = new ProgressLine({ isTTY, columns: 80, write: text => (shown += text) }, () => now)
    for (; now <= 30_000; now += 50) line.update('porep', now / 60_000)
    line.end('porep made')
    return shown
  }

  it('draws one line again and again on a terminal', () => {
    const shown = play(true)
    expect(shown).to.include('\r\x1b[2Kporep  [############............]  50%  0:30 left')
    expect(shown.split('\n')).to.have.length(2)
    expect(shown.endsWith('\r\x1b[2Kporep made\n')).to.equal(true)
  })

  it('writes a line every ten seconds elsewhere', () => {
    expect(play(false).split('\n')).to.deep.equal([
      'porep 0%',
      'porep 16%  0:50 left',
      'porep 33%  0:40 left',
      'porep 50%  0:30 left',
      'porep made',
      '',
    ])
  })

  it('writes times as a clock', () =>
    expect([0, 65_000, 3_723_000].map(clockText)).to.deep.equal(['0:00', '1:05', '1:02:03']))

  it('aligns a table', () => {
    expect(
      tableText(
        ['sector', 's'],
        [
          ['s-t01000-1', 1.5],
          ['x', 10],
        ],
      ),
    ).to.equal('sector      s\ns-t01000-1  1.5\nx            10')
  })
})
