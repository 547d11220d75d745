import { expect } from 'chai'
import { numbered } from '../../../../daemon/worker/config/thread-entries.js'
import { load, MANAGER } from './sample-files.js'

const locations = (threads: string) => load(MANAGER + threads).config.threads.map(({ location }) => location)

const refusal = (threads: string): string => {
  try {
    load(MANAGER + threads)
    return 'none'
  } catch (error) {
    return (error as Error).message
  }
}

describe('many equal threads', () => {
  it('count = N makes N of an entry, numbered from 1, in its place', () => {
    const { config, source } = load(`${MANAGER}
[[sealing_thread]]
location = "/a"
[[sealing_thread]]
location = "/mnt/nvme{n}/store{n}"
count = 3
sealing.max_retries = 7
[[sealing_thread]]
location = "/z"`)
    expect(config.threads.map(({ location, sealing }) => [location, sealing.maxRetries])).to.deep.equal([
      ['/a', 5],
      ['/mnt/nvme1/store1', 7],
      ['/mnt/nvme2/store2', 7],
      ['/mnt/nvme3/store3', 7],
      ['/z', 5],
    ])
    expect(source.threads.map(({ entry }) => entry)).to.deep.equal([0, 1, 1, 1, 2])
  })

  it('pads the number', () => {
    expect(numbered('s{n:02}', 7)).to.equal('s07')
    expect(numbered('s{n:02}-{n}', 123)).to.equal('s123-123')
    expect(numbered('{n:3}', 7)).to.equal('007')
    expect(numbered('{m}', 7)).to.equal('{m}')
  })

  it('one of a kind may have a number, too', () => {
    expect(locations('[[sealing_thread]]\nlocation = "s{n}"\ncount = 1')).to.deep.equal(['s1'])
    expect(locations('[[sealing_thread]]\nlocation = "s"\ncount = 1')).to.deep.equal(['s'])
  })

  it('a location that is all the same is refused', () => {
    expect(refusal('[[sealing_thread]]\nlocation = "/a"\ncount = 2')).to.equal(
      'w.toml:5: sealing_thread[0].count: 2 threads cannot share one location: expected {n} in "/a"',
    )
  })

  for (const count of [0, -1, 1001, '"3"'])
    it(`count = ${count} is refused`, () => {
      expect(refusal(`[[sealing_thread]]\nlocation = "{n}"\ncount = ${count}`)).to.match(
        /^w\.toml:5: sealing_thread\[0\]\.count: /,
      )
    })

  it('{n} without count is a directory of that name, with a remark', () => {
    const { config, warnings } = load(`${MANAGER}[[sealing_thread]]\nlocation = "s{n}"`)
    expect(config.threads[0]!.location).to.equal('s{n}')
    expect(warnings.map(({ line, path }) => [line, path])).to.deep.equal([[4, 'sealing_thread[0].location']])
  })
})
