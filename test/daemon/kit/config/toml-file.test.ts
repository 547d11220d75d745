import { expect } from 'chai'
import { z } from 'zod'
import { ByteSize, formatByteSize, parseByteSize } from '../../../../daemon/kit/config/byte-size.js'
import { ConfigError } from '../../../../daemon/kit/config/config-error.js'
import { Duration, formatElapsed, formatGoDuration, parseDuration } from '../../../../daemon/kit/config/duration.js'
import { loadConfig } from '../../../../daemon/kit/config/load.js'
import { parseToml } from '../../../../daemon/kit/config/toml-file.js'

const text = `# a comment with [brackets] and key = value
[worker]
name = "w#1" # not a [table]
rpc.host = "127.0.0.1"

[sealing]
sizes = [
  "2KiB", # first
  "8MiB",
]
wait = "30s"

[[thread]]
location = "a"

[[thread]]
location = "b"
sealing.max_retries = 3

[thread.extra]
text = """
x = 1
[nothing]
"""
after = 1

[[processors.pc1]]
"quoted.key" = 2
`

const problemsOf = (run: () => unknown): ConfigError => {
  try {
    run()
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
  throw new Error('no ConfigError was thrown')
}

describe('kit/config: a TOML file that knows its lines', () => {
  const file = parseToml(text, 'w.toml')

  const places: [string, (string | number)[], number][] = [
    ['a table', ['worker'], 2],
    ['a key', ['worker', 'name'], 3],
    ['a dotted key', ['worker', 'rpc', 'host'], 4],
    ['an array that spans lines', ['sealing', 'sizes', 1], 7],
    ['a key behind that array', ['sealing', 'wait'], 11],
    ['the second element of an array of tables', ['thread', 1, 'location'], 17],
    ['a dotted key in it', ['thread', 1, 'sealing', 'max_retries'], 18],
    ['a table below the latest element', ['thread', 1, 'extra', 'text'], 21],
    ['a key behind a multi-line string', ['thread', 1, 'extra', 'after'], 25],
    ['a quoted key with a dot in it', ['processors', 'pc1', 0, 'quoted.key'], 28],
    ['a missing key: the line of its table', ['worker', 'missing'], 2],
  ]
  for (const [what, path, line] of places) {
    it(`finds ${what}`, () => expect(file.lineOf(path)).to.equal(line))
  }

  it('names file and line of broken TOML', () => {
    const error = problemsOf(() => parseToml('a = 1\nb = = 2\n', 'broken.toml'))
    expect(error.message).to.match(/^broken\.toml:2: broken TOML: /)
  })

  it('names file, line, key path, what was expected and what was found', () => {
    const schema = z.object({
      sealing: z.object({ wait: Duration, sizes: z.array(ByteSize) }),
      thread: z.array(z.object({ location: z.int() })),
    })
    const error = problemsOf(() =>
      loadConfig(schema, parseToml(text.replace('"30s"', '"soon"').replace('"8MiB"', '"big"'), 'w.toml')),
    )
    expect(error.message.split('\n')).to.deep.equal([
      'w.toml:11: sealing.wait: expected a duration like "30s", "5min" or "1h30m", found "soon"',
      'w.toml:7: sealing.sizes[1]: expected a size like "32GiB", "512MB" or a number of bytes, found "big"',
      'w.toml:14: thread[0].location: expected number, found "a"',
      'w.toml:17: thread[1].location: expected number, found "b"',
    ])
  })

  it('warns of unknown keys with their line and a near name, and loads', () => {
    const schema = z.object({
      worker: z.object({ Name: z.string().optional(), rpc: z.object({ host: z.string() }) }).optional(),
    })
    const { config, warnings } = loadConfig(
      schema,
      parseToml('[worker]\nname = "x"\nrpc.host = "h"\n[other]\na = 1\n', 'w.toml'),
    )
    expect(config.worker?.rpc.host).to.equal('h')
    expect(warnings).to.deep.equal([
      { line: 2, path: 'worker.name', message: 'unknown key, ignored (did you mean Name?)' },
      { line: 4, path: 'other', message: 'unknown key, ignored' },
    ])
  })
})

describe('kit/config: durations and sizes', () => {
  const durations: [string, number][] = [
    ['30s', 30_000],
    ['1h30m', 5_400_000],
    ['1h 30min', 5_400_000],
    ['1h0m0s', 3_600_000],
    ['1.5s', 1_500],
    ['500ms', 500],
    ['2days', 172_800_000],
    ['0', 0],
    ['0s', 0],
  ]
  for (const [input, ms] of durations) it(`${input} is ${ms} ms`, () => expect(parseDuration(input)).to.equal(ms))
  for (const bad of ['', 'soon', '5', '5 parsecs', '-1s', '1h30']) {
    it(`refuses ${JSON.stringify(bad)}`, () => expect(() => parseDuration(bad)).to.throw(/expected a duration/))
  }
  it('writes durations as Go does', () => {
    expect([3_600_000, 90_000, 500, 0, 5_400_000].map(formatGoDuration)).to.deep.equal([
      '1h0m0s',
      '1m30s',
      '500ms',
      '0s',
      '1h30m0s',
    ])
  })
  it('writes elapsed time for people', () => expect(formatElapsed(822_000)).to.equal('13m 42s'))

  const sizes: [string, number][] = [
    ['32GiB', 2 ** 35],
    ['8 MiB', 2 ** 23],
    ['1KB', 1_000],
    ['1k', 1_000],
    ['2048', 2_048],
    ['512b', 512],
  ]
  for (const [input, bytes] of sizes)
    it(`${input} is ${bytes} bytes`, () => expect(parseByteSize(input)).to.equal(bytes))
  it('refuses nonsense', () => expect(() => parseByteSize('12 bananas')).to.throw(/expected a size/))
  it('writes sizes', () => expect([2048, 2 ** 35, 1536].map(formatByteSize)).to.deep.equal(['2KiB', '32GiB', '1.5KiB']))

  it('knows the line of a quoted key with escapes', () => {
    const file = parseToml('\n"a\\"]=#b" = 1\n"\\u0041" = 2\nplain = 3\n', 'x.toml')
    expect(['a"]=#b', 'A', 'plain'].map(key => file.lineOf([key]))).to.deep.equal([2, 3, 4])
  })
})
