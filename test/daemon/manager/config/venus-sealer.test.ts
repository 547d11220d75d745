import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { z } from 'zod'
import type { Finding } from '../../../../daemon/kit/config/check-report.js'
import { ConfigError } from '../../../../daemon/kit/config/config-error.js'
import { fileSchema } from '../../../../daemon/kit/config/file-schema.js'
import { parseToml } from '../../../../daemon/kit/config/toml-file.js'
import { checkManagerFile } from '../../../../daemon/manager/config/check-file.js'
import { loadSettingsFile } from '../../../../daemon/manager/config/load-settings.js'
import { fatesMarkdown, KEY_FATES } from '../../../../daemon/manager/config/venus-sealer/key-fates.js'
import { translateSealerFile } from '../../../../daemon/manager/config/venus-sealer/sealer-adapter.js'
import { SealerSettings } from '../../../../daemon/manager/config/venus-sealer/sealer-settings.js'

const DOCS = new URL('../../../../../docs/venus-sealer.md', import.meta.url)

const BASE = `Actor = "t01000"
[Node]
Url = "/ip4/127.0.0.1/tcp/3453"
Token = "one"
`

describe('manager: config.toml of venus-sealer', () => {
  let dir: string
  let file: string
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'sealer-config-'))
    file = join(dir, 'config.toml')
  })
  afterEach(() => rmSync(join(dir, 'storage.json'), { force: true }))
  after(() => rmSync(dir, { recursive: true, force: true }))

  const load = (text: string) => {
    writeFileSync(file, BASE + text)
    return loadSettingsFile(file)
  }
  const miner = (text: string) => load(text).config.miners.get(1000)!
  const told = (text: string): string[] => load(text).warnings.map(({ line, path }) => `${line} ${path}`)
  const lines = (findings: readonly Finding[], kind: Finding['found']): string[] =>
    findings
      .filter(({ found }) => found === kind)
      .map(({ problem: { line, path, message } }) => `${line} ${path}: ${message}`)

  it('every key of the declaration has its fate, and the documents tell it', () => {
    const fates = new Set(KEY_FATES.map(({ key }) => key))
    const without: string[] = []
    const walk = (schema: z.ZodType, path: string): void => {
      if (fates.has(path)) return
      const inner = fileSchema(schema)
      if (!(inner instanceof z.ZodObject) || Object.keys(inner.shape).length === 0) without.push(path)
      else
        for (const [name, below] of Object.entries(inner.shape as Record<string, z.ZodType>))
          walk(below, path === '' ? name : `${path}.${name}`)
    }
    walk(SealerSettings, '')
    expect(without).to.deep.equal([])
    expect(readFileSync(DOCS, 'utf8')).to.include(fatesMarkdown())
  })

  it('services, with the token that is theirs', () => {
    const other = 'eyJh.eyJi.c2ln'
    const { common, miners } = load(`[Messager]
Url = "/ip4/127.0.0.1/tcp/39812"
Token = "one"
[RegisterProof]
Urls = ["/ip4/127.0.0.1/tcp/45132", ""]
Token = "${other}"
`).config
    expect(common.API).to.include({
      Chain: '/ip4/127.0.0.1/tcp/3453',
      Token: 'one',
      Messager: '/ip4/127.0.0.1/tcp/39812',
      Market: '',
    })
    expect(common.API.Gateway).to.deep.equal([`${other}:/ip4/127.0.0.1/tcp/45132`])
    expect([...miners.keys()]).to.deep.equal([1000])
    expect(miners.get(1000)!.Sector.EnableDeals).to.equal(false)
    expect(miner('[MarketNode]\nUrl = "/ip4/127.0.0.1/tcp/41235"\n').Sector.EnableDeals).to.equal(true)
  })

  it('S002-42: MaxSealingSectors holds; sectors are only made when a pledge asks for them', () => {
    expect(miner('[Sealing]\nMaxSealingSectors = 7\n').Sector).to.include({ MaxSealingSectors: 7, PledgeOnly: true })
  })

  it('S002-21…24: senders of each kind of message, and who stands in for them', () => {
    const setup = miner(`[Addresses]
PreCommitControl = ["f0101"]
CommitControl = ["f0102", "f0103"]
TerminateControl = []
DisableOwnerFallback = true
DisableWorkerFallback = false
`)
    expect(setup.Commitment.Pre.Senders?.map(String)).to.deep.equal(['f0101'])
    expect(setup.Commitment.Prove.Senders?.map(String)).to.deep.equal(['f0102', 'f0103'])
    expect(setup.SnapUp.Senders?.map(String)).to.deep.equal(['f0102', 'f0103'])
    expect(setup.Commitment.Terminate.Senders).to.deep.equal([])
    expect(setup.Fallback).to.deep.equal({ Owner: false, Worker: true })
    expect(miner('').Fallback).to.deep.equal({ Owner: true, Worker: true })
  })

  it('batches, aggregation, lifetime and collateral', () => {
    const off = miner('[Sealing]\nMaxPreCommitBatch = 256\nMaxCommitBatch = 819\nAggregateCommits = false\n')
    expect(off.Commitment.Pre.Batch.Threshold).to.equal(1)
    expect(off.Commitment.Prove.Batch.Threshold).to.equal(1)
    expect(off.Commitment.Prove.Aggregate).to.equal('never')
    const on = miner(`[Sealing]
BatchPreCommits = true
MaxPreCommitBatch = 32
PreCommitBatchWait = "12h0m0s"
AggregateCommits = true
MaxCommitBatch = 100
CommitBatchWait = "24h0m0s"
TerminateBatchMax = 50
TerminateBatchWait = "5m0s"
CommittedCapacitySectorLifetime = "12960h0m0s"
CollateralFromMinerBalance = true
`)
    expect(on.Commitment.Pre.Batch).to.include({ Threshold: 32, MaxWait: 12 * 3_600_000 })
    expect(on.Commitment.Prove.Batch).to.include({ Threshold: 100, MaxWait: 24 * 3_600_000 })
    expect(on.Commitment.Terminate.Batch).to.include({ Threshold: 50, MaxWait: 300_000 })
    expect(on.Commitment.Prove.Aggregate).to.equal('auto')
    expect(on.Sector.LifetimeDays).to.equal(540)
    for (const { SendFund } of [on.Commitment.Pre, on.Commitment.Prove, on.SnapUp]) expect(SendFund).to.equal(false)
  })

  it('S002-12, S002-13, S002-25: what the sealer does of sealing itself: everything that is not switched off', () => {
    const own = (text: string) => translateSealerFile(parseToml(BASE + text, file)).ownWork
    const storage = (on: boolean) => `[Storage]
ParallelFetchLimit = 3
AllowAddPiece = ${on}
AllowPreCommit1 = ${on}
AllowPreCommit2 = ${on}
AllowCommit = ${on}
AllowUnseal = ${on}
`
    const all = (on: boolean) => ({ addPiece: on, preCommit1: on, preCommit2: on, commit: on, unseal: on })
    expect(own(storage(false))).to.deep.equal({ ...all(false), fetchLimit: 3 })
    expect(own(storage(true))).to.deep.equal({ ...all(true), fetchLimit: 3 })
    expect(own('')).to.deep.equal({ ...all(true), fetchLimit: 10 })
    expect(told(storage(false))).to.deep.equal([])
    expect(told(storage(true))).to.deep.equal([])
    expect(miner(storage(false)).Sector.Enabled).to.equal(true)
    expect(told('[Storage]\nAllowReplicaUpdate = true\n')).to.deep.equal(['6 Storage.AllowReplicaUpdate'])
  })

  it('S002-20: where it listens; an address for others behind a loopback one is told', () => {
    const read = (text: string) => translateSealerFile(parseToml(BASE + text, file))
    expect(read('').listen).to.deep.equal({ host: '127.0.0.1', port: 2345 })
    const open = read('[API]\nListenAddress = "/ip4/0.0.0.0/tcp/2346/http"\nRemoteListenAddress = "10.0.0.5:2346"\n')
    expect(open.listen).to.deep.equal({ host: '0.0.0.0', port: 2346 })
    expect(open.remote).to.equal('10.0.0.5:2346')
    expect(open.warnings).to.deep.equal([])
    expect(read('[API]\nRemoteListenAddress = "10.0.0.5:2345"\n').warnings[0]).to.deep.equal({
      line: 6,
      path: 'API.RemoteListenAddress',
      message: 'nobody reaches 10.0.0.5:2345 while ListenAddress is 127.0.0.1: listen on it, too',
    })
    expect(read('[API]\nListenAddress = "nowhere"\n').problems).to.deep.equal([
      {
        line: 6,
        path: 'API.ListenAddress',
        message: 'expected an address like "/ip4/127.0.0.1/tcp/2345/http", found "nowhere"',
      },
    ])
  })

  it('attached paths are looked through at the start; a broken storage.json is named', () => {
    const paths = join(dir, 'storage.json')
    writeFileSync(paths, '{"StoragePaths":[{"Path":"/mnt/one"},{"Path":"/mnt/two"}]}')
    expect(load('').config.common.ScanPersistStores).to.deep.equal(['/mnt/one', '/mnt/two'])
    writeFileSync(paths, '{"StoragePaths":[{}]}')
    expect(() => load('')).to.throw(ConfigError, 'storage.json')
  })

  it('piece stores; keys in any case', () => {
    const pieces = join(dir, 'pieces')
    mkdirSync(pieces)
    const { pieceStores } = load(`[[PieceStorage.Fs]]\nName = "p"\nReadOnly = true\npath = "${pieces}"\n`).config
    expect(pieceStores).to.have.length(1)
    expect(pieceStores[0]).to.include({ Name: 'p', Path: pieces, ReadOnly: true })
  })

  it('config check: problems and warnings with the line and the key of config.toml, settings in the words of the manager', async () => {
    writeFileSync(
      file,
      `Actor = "f01000"
[Node]
Url = "/ip4/127.0.0.1/tcp/3453"
[Sealing]
MaxSealingSectors = 4
MaxSealingSector = 4
MaxPreCommitBatch = 300
BatchPreCommits = true
[Addresses]
CommitControl = ["f0101", "f1nonsense"]
`,
    )
    const broken = await checkManagerFile(file)
    expect(lines(broken.findings, 'problem')).to.have.length(1)
    expect(lines(broken.findings, 'problem')[0]).to.match(/^10 Addresses\.CommitControl(\[1\])?: /)
    writeFileSync(file, readFileSync(file, 'utf8').replace(', "f1nonsense"', ''))
    const report = await checkManagerFile(file)
    expect(lines(report.findings, 'problem')).to.deep.equal([
      '7 Sealing.MaxPreCommitBatch: expected at most 256, which the network takes in one message, found 300',
    ])
    expect(lines(report.findings, 'warning')).to.deep.include(
      '6 Sealing.MaxSealingSector: unknown key, ignored (did you mean MaxSealingSectors?)',
    )
    const sector = report.tables.find(({ header }) => header === '[Miners.Sector]')!
    expect(sector.settings).to.deep.include({ key: ['MaxSealingSectors'], value: 4, origin: `${file}:5` })
    writeFileSync(file, '[Sealing]\nMaxSealingSectors = "many"\n')
    expect(lines((await checkManagerFile(file)).findings, 'problem')[0]).to.match(
      /^2 Sealing\.MaxSealingSectors: expected/,
    )
    writeFileSync(file, '[Node]\nUrl = ""\n')
    const empty = lines((await checkManagerFile(file)).findings, 'problem')
    expect(empty).to.deep.include(
      'undefined Actor: expected the miner, as in Actor = "f01000" in the first line, found nothing',
    )
    expect(empty).to.deep.include('2 Node.Url: expected the address of the chain node, found nothing')
  })

  it('a sector-manager.cfg stays one, whatever its name', () => {
    writeFileSync(file, '[Common.API]\nChain = "/ip4/127.0.0.1/tcp/1/ws"\n[[Miners]]\nActor = 5\n')
    expect([...loadSettingsFile(file).config.miners.keys()]).to.deep.equal([5])
  })
})
