import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import fc from 'fast-check'
import { checkReportJson, checkReportText, type Finding } from '../../../../daemon/kit/config/check-report.js'
import { checkManagerFile } from '../../../../daemon/manager/config/check-file.js'
import { CHECKS } from '../../../../daemon/manager/config/checks.js'
import { defaultConfigText } from '../../../../daemon/manager/config/default-file.js'
import { EXT_PROVER_TEXT } from '../../../../daemon/manager/config/ext-prover-file.js'

describe('manager: config check', () => {
  let dir: string
  let file: string

  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'manager-check-'))
    file = join(dir, 'sector-manager.cfg')
    mkdirSync(join(dir, 'persist'))
    mkdirSync(join(dir, 'closed'), { mode: 0o555 })
    symlinkSync(join(dir, 'persist'), join(dir, 'link'))
    writeFileSync(join(dir, 'plain'), '')
  })
  after(() => rmSync(dir, { recursive: true, force: true }))

  const check = (text: string | Uint8Array) => {
    writeFileSync(file, text)
    return checkManagerFile(file)
  }
  const good = (): string => `[Common.API]
Chain = "eyJhbGciOiJIUzI1NiJ9.eyJBbGxvdyI6WyJyZWFkIl19.c2lnbmF0dXJlLXNpZ25hdHVyZQ:/ip4/127.0.0.1/tcp/1234/ws"
Token = "eyJ.very-secret.token"
[[Common.PersistStores]]
Path = "${join(dir, 'persist')}"
[[Miners]]
Actor = 1000
`
  const lines = (findings: readonly Finding[], kind: Finding['found']): string[] =>
    findings
      .filter(({ found }) => found === kind)
      .map(({ problem }) => `${problem.line} ${problem.path}: ${problem.message}`)

  it('a good file: every setting with where it comes from, nothing secret', async () => {
    const report = await check(good())
    expect(lines(report.findings, 'problem')).to.deep.equal([])
    expect(lines(report.findings, 'warning')).to.deep.equal([])
    const text = checkReportText(report)
    expect(text).to.match(/^Actor = 1000 +# .*sector-manager\.cfg:7$/m)
    expect(text).to.match(/^Token = "\*\*\*" +# .*sector-manager\.cfg:3$/m)
    expect(text).to.match(/^Chain = "\*\*\*:\/ip4\/127\.0\.0\.1\/tcp\/1234\/ws" +# .*:2$/m)
    expect(text).to.match(/^\[\[Miners\]\].*\n/m)
    expect(text).to.match(/^ChainEventInterval = "1m0s" +# default$/m)
    expect(text).to.match(/^# MaxNumber = +# default: not set$/m)
    expect(text.trimEnd()).to.match(/sector-manager\.cfg: good, miner 1000$/)
    expect(text).to.not.contain('very-secret')
    const json = JSON.parse(checkReportJson(report))
    expect(json.good).to.equal(true)
    const table = json.config.find((found: { header: string }) => found.header === '[Miners.Commitment.Pre.Batch]')
    expect(table.settings).to.deep.include({ key: 'Threshold', value: 2, origin: 'default' })
  })

  it('S003-2: the default file is complete but for the address of the chain', async () => {
    const { findings } = await check(defaultConfigText())
    expect(lines(findings, 'problem').map(line => line.split(': ')[0])).to.deep.equal([
      `${defaultConfigText().split('\n').indexOf('[Common.API]') + 1} Common.API.Chain`,
    ])
  })

  const CASES: readonly (readonly [what: string, kind: Finding['found'], more: string, message: RegExp])[] = [
    [
      'addresses of services can be read',
      'problem',
      '[Common.API]\nMarket = "/ip4/1.2.3.4/udp/1"',
      /^\d+ Common\.API\.Market: .*udp/,
    ],
    [
      'stores are there',
      'problem',
      '[[Common.PieceStores]]\nPath = "DIR/nowhere"',
      /PieceStores\[0\]\.Path: DIR\/nowhere does not exist/,
    ],
    [
      'stores are there',
      'problem',
      '[[Common.PieceStores]]\nPath = "DIR/plain"',
      /PieceStores\[0\]\.Path: DIR\/plain is not a directory/,
    ],
    [
      'plugins of stores are there',
      'problem',
      '[[Common.PersistStores]]\nName = "x"\nPluginName = "./no-such-store.mjs"',
      /PersistStores\[1\]\.PluginName: expected "s3", a package or a file with a store, found "\.\/no-such-store\.mjs"/,
    ],
    [
      'plugins of stores are there',
      'problem',
      '[[Common.PieceStores]]\nName = "x"\nPlugin = "no-such-package"',
      /PieceStores\[0\]\.Plugin: .*"no-such-package": there is no such module/,
    ],
    [
      'no two stores of a kind are one directory',
      'problem',
      '[[Common.PersistStores]]\nPath = "DIR/link"',
      /PersistStores\[1\]\.Path: DIR\/persist is the place of DIR\/persist already/,
    ],
    [
      'no miner is allowed and denied in one store',
      'problem',
      '[[Common.PersistStores]]\nName = "x"\nPath = "DIR"\nAllowMiners = [1000, 5]\nDenyMiners = [5]',
      /DenyMiners: 5 stands in AllowMiners/,
    ],
    [
      'gas limits are not below the estimate',
      'problem',
      '[Miners.PoSt]\nGasOverEstimation = 0.9',
      /PoSt\.GasOverEstimation: expected at least 1, found 0\.9/,
    ],
    [
      'batches are not larger than the network takes',
      'problem',
      '[Miners.Commitment.Pre.Batch]\nThreshold = 257',
      /Pre\.Batch\.Threshold: expected at most 256.*found 257/,
    ],
    [
      'confidences of proofs lie within a deadline',
      'problem',
      '[Miners.PoSt]\nSubmitConfidence = 60',
      /SubmitConfidence: expected 0 to 59/,
    ],
    [
      'old files of an upgrade stay until it is sure',
      'problem',
      '[Miners.SnapUp]\nReleaseConfidence = 5',
      /ReleaseConfidence: expected at least the confidence of messages \(15\)/,
    ],
    [
      'limits of time for proofs do not contradict each other',
      'problem',
      '[Common.Proving]\nPartitionCheckTimeout = "1m"',
      /PartitionCheckTimeout: is shorter/,
    ],
    [
      'limits of time for proofs do not contradict each other',
      'problem',
      '[Common.Proving.WorkerProver]\nHeartbeatTimeout = "26h"',
      /HeartbeatTimeout: is not shorter/,
    ],
    [
      'a lifetime is one the network gives',
      'warning',
      '[Miners.Sector]\nLifetimeDays = 100',
      /LifetimeDays: expected 0 or 180 to 1278 days, found 100/,
    ],
    [
      'GasFeeCap and its old name MaxFeeCap agree',
      'warning',
      '[Miners.PoSt]\nGasFeeCap = "5 nanoFIL"\nMaxFeeCap = "7 nanoFIL"',
      /PoSt\.MaxFeeCap: 7 nanoFIL contradicts GasFeeCap = 5 nanoFIL/,
    ],
    [
      'MinNumber and its old name InitNumber agree',
      'warning',
      '[Miners.Sector]\nInitNumber = 9\nMinNumber = 5',
      /InitNumber: has no effect/,
    ],
    [
      'batches are looked at more often than sectors wait',
      'warning',
      '[Miners.Commitment.Prove.Batch]\nCheckInterval = "2h"',
      /Prove\.Batch\.CheckInterval: is longer than MaxWait/,
    ],
    ['upgrades get deals', 'warning', '[Miners.SnapUp]\nEnabled = true', /SnapUp\.Enabled: has no effect/],
    [
      'deals have a market',
      'warning',
      '[Miners.Sector]\nEnableDeals = true',
      /EnableDeals: has no effect without Common\.API\.Market/,
    ],
    [
      'stores are for miners that are configured',
      'warning',
      '[[Common.PersistStores]]\nName = "x"\nPath = "DIR"\nAllowMiners = [7]',
      /AllowMiners: 7: there is no such/,
    ],
  ]
  for (const [what, kind, more, message] of CASES) {
    it(`${kind}: ${what} (${more.split('\n').at(-1)})`, async () => {
      const at = (text: string): string => text.replaceAll('DIR', dir)
      const { findings } = await check(
        `${good().replace('[Common.API]\n', more.startsWith('[Common.API]') ? at(`${more}\n`) : '[Common.API]\n')}${more.startsWith('[Common.API]') ? '' : at(more)}\n`,
      )
      const found = lines(findings, kind)
      expect(found).to.have.length(1)
      expect(found[0]).to.match(new RegExp(at(message.source)))
      expect(found[0]).to.match(/^\d+ /)
    })
  }

  it('nothing configured: no chain is a problem; no miner and no store are warnings', async () => {
    const { findings } = await check('')
    expect(lines(findings, 'problem').join()).to.match(/Common\.API\.Chain: expected the address/)
    expect(lines(findings, 'warning').join()).to.match(/no miner.*no persist store|no persist store.*no miner/)
  })

  it('a directory that cannot be written to', async function () {
    if (process.getuid?.() === 0) {
      console.log('      skipped: root can write everywhere')
      return this.skip()
    }
    chmodSync(join(dir, 'closed'), 0o555)
    const { findings } = await check(`${good()}[[Common.PieceStores]]\nPath = "${join(dir, 'closed')}"\n`)
    expect(lines(findings, 'problem').join()).to.match(/is not writable/)
  })

  it('every check is in the table once and shown here', () => {
    const names = CHECKS.map(({ what }) => what)
    expect(new Set(names).size).to.equal(names.length)
    const elsewhere = [
      'a chain node is named',
      'stores are writable, unless read-only',
      'a miner is configured',
      'a persist store is configured',
    ]
    expect(names).to.have.members([...new Set([...CASES.map(([what]) => what), ...elsewhere])])
  })

  it('ext-prover.cfg beside it: its problems and warnings carry its name and its lines', async () => {
    const beside = join(dir, 'ext-prover.cfg')
    const found = async (text: string): Promise<string[]> => {
      writeFileSync(beside, text)
      const { findings } = await check(good())
      return findings.map(
        ({ file: name, problem, found }) => `${found} ${name}:${problem.line} ${problem.path}: ${problem.message}`,
      )
    }
    try {
      expect(await found(EXT_PROVER_TEXT)).to.deep.equal([])
      expect(await found(EXT_PROVER_TEXT.replace(/^#(?! )/gm, ''))).to.deep.equal([
        `problem ${beside}:5 WdPost[0].Bin: /path/to/custom/bin does not exist`,
        `problem ${beside}:20 WinPost[0].Bin: /path/to/custom/bin does not exist`,
      ])
      expect(await found(`[[WdPost]]\nBin = "sh"\nArgs = ["-c"]\nConcurrent = 50\n`)).to.deep.equal([])
      expect(await found(`[[WdPost]]\nArgs = ["x"]\n[[WinPost]]\nBin = "${dir}/plain"\nWait = 1\n`)).to.deep.equal([
        `problem ${beside}:4 WinPost[0].Bin: ${dir}/plain cannot be executed`,
        `warning ${beside}:5 WinPost[0].Wait: unknown key, ignored`,
        `warning ${beside}:2 WdPost[0].Args: has no effect without Bin`,
      ])
      expect((await found('[[WdPost]]\nConcurrent = "many"\n'))[0]).to.match(
        /^problem .*ext-prover\.cfg:2 WdPost\[0\]\.Concurrent: expected/,
      )
      expect((await found('[[WdPost]\n'))[0]).to.match(/^problem .*ext-prover\.cfg:1 : broken TOML/)
    } finally {
      rmSync(beside)
    }
  })

  it('unknown keys are warnings with the name that was probably meant, also constructor and the like', async () => {
    const { findings } = await check(`${good()}[Miners.Sector]\nLifeTimeDay = 5\nconstructor = 1\ntoString = 2\n`)
    expect(lines(findings, 'problem')).to.deep.equal([])
    expect(lines(findings, 'warning').map(line => line.slice(line.indexOf('Sector')))).to.deep.equal([
      'Sector.LifeTimeDay: unknown key, ignored (did you mean LifetimeDays?)',
      'Sector.constructor: unknown key, ignored',
      'Sector.toString: unknown key, ignored',
    ])
  })

  it('all problems at once, those of form with the rest where the file can be read', async () => {
    const { findings } = await check(
      '[[Miners]]\nActor = -1\n[Miners.Sector]\nEnabled = 3\nMaxNumber = [99999999999999999999]\n',
    )
    expect(lines(findings, 'problem').map(line => line.split(': ')[0])).to.have.members([
      '2 Miners[0].Actor',
      '4 Miners[0].Sector.Enabled',
      '5 Miners[0].Sector.MaxNumber',
    ])
  })

  it('what cannot be read is a problem', async () => {
    for (const path of [join(dir, 'not-there'), dir]) {
      const { findings } = await checkManagerFile(path)
      expect(lines(findings, 'problem')).to.have.length(1)
    }
  })

  it('fuzz: whatever the bytes, there are problems and no crash', async function () {
    this.timeout(60_000)
    const words = fc.constantFrom(
      '[',
      ']',
      '[[',
      '=',
      '"',
      "'",
      '"""',
      '\n',
      '.',
      '#',
      '{',
      '}',
      ',',
      '-',
      '1',
      'true',
      'Miners',
      'Common',
      'Actor',
      'API',
      'PersistStores',
      'Path',
      'Commitment',
      'Pre',
      'Batch',
      '__proto__',
      'constructor',
      '\u0000',
      '\\',
      '1e999',
      'nan',
      'inf',
      '2020-01-01',
      '0x',
      '99999999999999999999',
      ' ',
      '\t',
    )
    const soup = fc.array(words, { maxLength: 40 }).map(parts => parts.join(''))
    const bytes = fc.uint8Array({ maxLength: 200 })
    const keyed = fc
      .tuple(
        fc.constantFrom('[Common.API]', '[[Miners]]', '[[Common.PersistStores]]', '[Miners.PoSt]'),
        fc.string(),
        fc.constantFrom('1', '""', '[]', '{}', '[[1]]', '1.5', '-1', 'false', '1979-05-27'),
      )
      .map(([table, key, value]) => `${table}\n${JSON.stringify(key)} = ${value}\n`)
    await fc.assert(
      fc.asyncProperty(fc.oneof(soup, bytes, keyed), async content => {
        const report = await check(content)
        checkReportText(report)
        checkReportJson(report)
        expect(report.findings.length).to.be.greaterThan(0)
      }),
      { numRuns: 500 },
    )
  })

  it('fuzz: a key of the default file with any value', async function () {
    this.timeout(60_000)
    const keys = [...defaultConfigText().matchAll(/^(?:(\[.*\])|#(\w+) = .*)$/gm)]
    const targets: [string, string][] = []
    let table = ''
    for (const [, header, key] of keys) {
      if (header !== undefined) table = header
      else targets.push([table, key!])
    }
    const value = fc.constantFrom(
      '1',
      '-1',
      '1.5',
      '""',
      '"x"',
      '"-5 FIL"',
      '"9e99 fil"',
      '[]',
      '[-1]',
      '["x"]',
      '{}',
      '{a = 1}',
      'true',
      'nan',
      '-inf',
      '99999999999999999999',
      '"1h99x"',
      '"f1"',
      '["f0", "f099999999999999999999999"]',
      '1979-05-27T07:32:00Z',
      '"\\u0000"',
      `"${'9'.repeat(300)}"`,
    )
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...targets), value, async ([header, key], text) => {
        checkReportText(
          await check(`[[Miners]]\nActor = 1000\n${header === '[[Miners]]' ? '' : header}\n${key} = ${text}\n`),
        )
      }),
      { numRuns: 300 },
    )
  })
})
