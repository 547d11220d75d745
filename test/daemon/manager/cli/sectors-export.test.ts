import { spawn } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as dagCbor from '@ipld/dag-cbor'
import { expect } from 'chai'
import { ClassicLevel } from 'classic-level'
import { CID } from 'multiformats/cid'
import { ON_CHAIN_STATE } from '../../../../rpc-schema/manager/commitment.js'
import { commDToCid } from '../../../../rpc-schema/wire/cid.js'
import { zeroPieceCommitment } from '../../../../rpc-schema/wire/piece.js'
import type { SectorID } from '../../../../rpc-schema/wire/sector-id.js'
import { eventually } from '../../../harness/eventually.js'
import { type Outcome, runManagerCli } from '../../../harness/run-manager-cli.js'
import { goodProof, ManagerBench } from '../manager-bench.js'
import { dealInfo, PIECE, piece, wireRecord } from '../sectors/records.js'

const COMM_R = 'bagboea4b5abcb7dbb42foyz4twk37m4aknszr63v26llvyvok3oi3udkv5a4qstd'
const base64 = (length: number, byte: number): string => Buffer.alloc(length, byte).toString('base64')

/** A finished sector without deals; `fields` change it. */
const finished = (number: number, fields: object = {}) =>
  wireRecord(number, {
    Finalized: true,
    Ticket: { Ticket: base64(32, 2), Epoch: 10 },
    Seed: { Seed: base64(32, 3), Epoch: 200 },
    Pre: {
      CommR: { '/': COMM_R },
      CommD: { '/': `${commDToCid(zeroPieceCommitment(2048))}` },
      Ticket: { Ticket: base64(32, 2), Epoch: 10 },
    },
    Proof: { Proof: base64(192, 1) },
    MessageInfo: { PreCommitCid: { '/': COMM_R }, CommitCid: null, NeedSend: false },
    ...fields,
  })

const PROPOSAL = {
  PieceCID: { '/': PIECE },
  PieceSize: 2048,
  VerifiedDeal: true,
  Client: 'f01002',
  Provider: 'f01000',
  Label: 'x',
  StartEpoch: 100,
  EndEpoch: 600_000,
  StoragePricePerEpoch: '0',
  ProviderCollateral: '5',
  ClientCollateral: '0',
}

describe('manager: sectors export-to-lotus', function () {
  this.timeout(60_000)
  let bench: ManagerBench
  let dir: string
  let repo: string

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'export-cli-'))
    repo = join(dir, 'miner')
    mkdirSync(join(repo, 'datastore'), { recursive: true })
    writeFileSync(join(repo, 'repo.lock'), '')
    bench = await new ManagerBench().start()
  })
  after(async () => {
    rmSync(dir, { recursive: true, force: true })
    await bench?.stop()
  })

  const exported = (...args: string[]): Promise<Outcome> =>
    runManagerCli(
      ...['util', '--listen', bench.manager.address, 'sealer', 'sectors', 'export-to-lotus', '--miner', 't01000'],
      ...args,
    )
  const metadata = (...args: string[]): Promise<Outcome> => exported('metadata', '--dest-repo', repo, ...args)

  async function withLevel<T>(work: (level: ClassicLevel<string, Uint8Array>) => Promise<T>): Promise<T> {
    const level = new ClassicLevel<string, Uint8Array>(join(repo, 'datastore/metadata'), { valueEncoding: 'view' })
    try {
      await level.open()
      return await work(level)
    } finally {
      await level.close()
    }
  }
  const record = (number: number) =>
    withLevel(async level => {
      const bytes = await level.get(`/sectors/${number}`)
      return bytes && dagCbor.decode<Record<string, unknown>>(bytes)
    })
  const counter = () =>
    withLevel(async level => {
      const bytes = await level.get('/storage/nextid')
      return bytes && [...bytes]
    })

  it('metadata needs the datastore of a lotus-miner, and the miner', async () => {
    const nothing = await metadata()
    expect([nothing.code, nothing.stderr]).to.deep.equal([
      1,
      `damocles-manager: ${join(repo, 'datastore/metadata')} is not the datastore of a lotus-miner: initialise the repo, or say where it is with --dest-repo\n`,
    ])
    const miner = await runManagerCli('util', 'sealer', 'sectors', 'export-to-lotus', 'metadata')
    expect(miner.stderr).to.include("required option '--miner <miner>' not specified")
  })

  it('metadata writes what is finished, says what it cannot, and does nothing twice', async () => {
    const ddo = { AllocationID: 7, DealID: 0, StartEpoch: 100, EndEpoch: 600_000 }
    const records = [
      finished(1),
      finished(2, { Pieces: [piece(PIECE, dealInfo(ddo)), piece(PIECE, null)] }),
      finished(3, {
        Deals: [
          {
            ID: 9,
            PayloadSize: 1,
            Piece: { Size: 2048, Offset: 0, Cid: { '/': PIECE } },
            Proposal: PROPOSAL,
            IsCompatible: true,
          },
        ],
      }),
      finished(4, {
        Upgraded: true,
        UpgradedInfo: {
          AccessInstance: 'persist',
          SealedCID: { '/': COMM_R },
          UnsealedCID: { '/': PIECE },
          Proof: base64(10, 4),
        },
        UpgradeMessageID: COMM_R,
        Pieces: [piece(PIECE, dealInfo(ddo))],
      }),
      finished(5, { Pieces: [piece(PIECE, dealInfo({ DealID: 5, IsBuiltinMarket: true }))] }),
      finished(6, { Proof: null }),
      finished(7, { NeedRebuild: true }),
      finished(8),
    ]
    for (const one of records) await bench.api.ImportSector('offline', one, false)
    await withLevel(async level => {
      await level.put('/sectors/8', dagCbor.encode({ SectorNumber: 8, State: 'Proving', CommR: CID.parse(COMM_R) }))
    })

    const dry = await metadata('--dry-run')
    expect(dry.stdout).to.include('would export: 4, there already: 0\n')
    expect([await record(1), await counter()]).to.deep.equal([undefined, undefined])

    const done = await metadata('--next-number', '300')
    expect(done.stdout.split('\n').slice(1)).to.deep.equal([
      'sector 5 not exported: the proposal of its deal 5 is not known, and a lotus-miner needs it',
      'sector 6 not exported: no proof',
      'sector 8 not exported: the lotus-miner has another one of this number: SectorType, TicketValue, SeedValue, CommD, CCUpdate',
      'exported: 4, there already: 0',
      'export failure counts: 3',
      'next sector number: 300',
      'update next sector number: 300',
      '',
    ])
    expect(done.stdout.split('\n')[0]).to.equal('sector 7 left out: it is to be rebuilt')
    expect(done.code).to.equal(1)
    expect(await counter(), 'a varint').to.deep.equal([0xac, 0x02])

    const zeros = commDToCid(zeroPieceCommitment(2048))
    const filler = { Piece: [2048, zeros], DealInfo: null }
    const plain = (await record(1))!
    expect(plain).to.deep.include({
      State: 'Proving',
      SectorNumber: 1,
      SectorType: 5,
      TicketValue: new Uint8Array(32).fill(2),
      TicketEpoch: 10,
      SeedValue: new Uint8Array(32).fill(3),
      SeedEpoch: 200,
      CommD: zeros,
      CommR: CID.parse(COMM_R),
      Proof: new Uint8Array(192).fill(1),
      PreCommitDeposit: new Uint8Array(),
      PreCommitMessage: CID.parse(COMM_R),
      PreCommitTipSet: new Uint8Array(),
      CommitMessage: null,
      CCUpdate: false,
      UpdateSealed: null,
      Pieces: [filler],
      CCPieces: [],
    })
    const manifest = [CID.parse(PIECE), 2048, [1002, 7], []]
    const onboarded = {
      Piece: [2048, CID.parse(PIECE)],
      DealInfo: {
        PublishCid: null,
        DealID: 0,
        DealProposal: null,
        DealSchedule: { StartEpoch: 100, EndEpoch: 600_000 },
        PieceActivationManifest: manifest,
        KeepUnsealed: false,
      },
    }
    expect((await record(2))!.Pieces).to.deep.equal([onboarded, { ...onboarded, DealInfo: null }])
    const [legacy] = (await record(3))!.Pieces as { DealInfo: Record<string, unknown> }[]
    expect(legacy!.DealInfo).to.deep.include({ DealID: 9, PieceActivationManifest: null })
    expect(legacy!.DealInfo.PublishCid).to.be.instanceOf(CID)
    expect(legacy!.DealInfo.DealProposal).to.have.length(11)
    expect(await record(4)).to.deep.include({
      CCUpdate: true,
      UpdateSealed: CID.parse(COMM_R),
      UpdateUnsealed: CID.parse(PIECE),
      ReplicaUpdateProof: new Uint8Array(10).fill(4),
      ReplicaUpdateMessage: CID.parse(COMM_R),
      Pieces: [onboarded],
      CCPieces: [filler],
    })
    for (const number of [5, 6, 7]) expect(await record(number)).to.equal(undefined)
    expect((await record(8))!, 'what is there stays').to.have.all.keys('SectorNumber', 'State', 'CommR')

    const again = JSON.parse((await metadata('--json')).stdout) as Record<string, unknown>
    expect(again).to.deep.include({ exported: [], there: [1, 2, 3, 4], nextNumber: 300 })
  })

  it('the next number only ever goes up', async () => {
    expect((await metadata('--only-next-number')).stderr).to.include('--only-next-number needs --next-number')
    const up = await metadata('--only-next-number', '--next-number', '400')
    expect(up.stdout).to.equal('next sector number: 400\nupdate next sector number: 400\n')
    const down = await metadata('--only-next-number', '--next-number', '2')
    expect(down.stdout).to.include('the lotus-miner has given numbers up to 400 already\n')
    expect(await counter()).to.deep.equal([0x90, 0x03])
  })

  it('metadata stays off a repo that a process holds, whichever way it locks', async () => {
    await withLevel(async () => {
      expect((await metadata()).stderr).to.match(
        /a lotus-miner runs on \S+ \(process \d+ holds \S+LOCK\): stop it first/,
      )
    })
    const holder = spawn('flock', ['--nonblock', join(repo, 'repo.lock'), 'cat'], {
      stdio: ['pipe', 'ignore', 'inherit'],
    })
    const ended = new Promise(resolve => holder.once('exit', resolve))
    try {
      const refused = await eventually('the lock is seen', 10_000, async () => {
        const { stderr } = await metadata('--only-next-number', '--next-number', '401')
        return stderr === '' ? undefined : stderr
      })
      expect(refused).to.match(/process \d+ holds \S+repo\.lock/)
    } finally {
      holder.stdin.end()
      await ended
    }
  })

  async function provenSector(): Promise<SectorID> {
    const { api } = bench
    const { sector, sid, pre } = await bench.sealed()
    await api.SubmitPreCommit(sector, pre, false)
    bench.writeFiles(sid, sector.ProofType)
    await api.SubmitPersistedEx(sid, 'persist', false)
    await bench.preCommitState(sid, ON_CHAIN_STATE.landed)
    await bench.seed(sid, sector.ProofType)
    await api.SubmitProof(sid, { Proof: goodProof(1) }, false)
    await bench.proofState(sid, ON_CHAIN_STATE.landed)
    await api.ReportFinalized(sid)
    return sid
  }

  it('files copies, then moves, goes on after a cut, and never deletes what is not copied', async () => {
    const sid = await provenSector()
    const name = `s-t01000-${sid.Number}`
    const dest = join(dir, 'out')
    const files = (...args: string[]): Promise<Outcome> =>
      exported('files', '--dest-path', dest, '--numbers', String(sid.Number), ...args)
    const source = join(bench.storeDir, 'sealed', name)

    const dry = await files('--dry-run')
    expect([dry.code, existsSync(dest)]).to.deep.equal([0, false])
    expect(dry.stdout).to.include(`would copy file from ${source} to ${join(dest, 'sealed', name)}\n`)

    const itself = await exported('files', '--dest-path', bench.storeDir)
    expect([itself.code, itself.stderr]).to.deep.equal([
      1,
      `damocles-manager: ${bench.storeDir} is the persist store ${bench.storeDir} itself: choose another directory\n`,
    ])

    // As if an earlier run had been cut off in the sealed file.
    mkdirSync(join(dest, 'sealed'), { recursive: true })
    writeFileSync(join(dest, 'sealed', `${name}.exporting`), 'half of it')
    const copied = await files('--reserve')
    expect(copied.stdout).to.match(/export failure counts: 0, total: 1\n$/)
    expect(existsSync(source)).to.equal(true)
    expect(readdirSync(join(dest, 'sealed'))).to.deep.equal([name])
    expect(readFileSync(join(dest, 'sealed', name), 'utf8')).to.equal('x')
    expect(readdirSync(join(dest, 'cache', name))).to.deep.equal(readdirSync(join(bench.storeDir, 'cache', name)))

    writeFileSync(join(dest, 'sealed', name), 'another one')
    const other = await files()
    expect(other.code).to.equal(1)
    expect(other.stdout).to.include('is there with 11 bytes').and.include('export failure counts: 1, total: 1\n')
    expect(existsSync(source), 'nothing is lost').to.equal(true)

    rmSync(join(dest, 'sealed', name))
    renameSync(join(bench.storeDir, 'cache', name, 't_aux'), join(dir, 't_aux'))
    rmSync(join(dest, 'cache', name, 't_aux'))
    const incomplete = await files()
    expect(incomplete.stdout).to.include(`cache/${name}/t_aux is not among its files`)
    expect(existsSync(source)).to.equal(true)
    renameSync(join(dir, 't_aux'), join(bench.storeDir, 'cache', name, 't_aux'))

    rmSync(join(dest, 'sealed', name))
    const moved = await files()
    expect(moved.stdout).to.include(`copied file from ${source} to ${join(dest, 'sealed', name)}\n`)
    expect(moved.stdout)
      .to.include('export failure counts: 0, total: 1\n')
      .and.include('t_aux')
      .and.not.include('p_aux')
    expect([existsSync(source), existsSync(join(bench.storeDir, 'cache', name))]).to.deep.equal([false, false])
    expect((await bench.api.SectorIndexerFind('normal', sid)).Found).to.equal(false)
    expect((await bench.api.FindSectorInAllStates(sid))?.Removed).to.equal(true)

    const gone = JSON.parse((await files('--json')).stdout) as { failed: number; sectors: { error: string }[] }
    expect([gone.failed, gone.sectors[0]!.error]).to.deep.equal([1, `${name} is no finished sector with files here`])
    expect((await metadata('--dry-run', '--json')).stdout, 'its record can still go').to.match(
      new RegExp(`"exported": \\[\\s*${sid.Number}\\s*\\]`),
    )
  })
  it('files takes an upgraded sector whose old files are deleted already', async () => {
    const sid = await provenSector()
    const name = `s-t01000-${sid.Number}`
    bench.writeFiles(sid, 5, true)
    const proven = (await bench.api.FindSectorInAllStates(sid))!
    await bench.api.ImportSector('offline', { ...proven, Upgraded: true }, true)
    const files = (dest: string): Promise<Outcome> =>
      exported('files', '--dest-path', join(dir, dest), '--numbers', String(sid.Number))
    const unknown = await files('without')
    expect(unknown.stdout, 'the index does not know them').to.include(`update/${name} is not among its files`)
    expect(existsSync(join(bench.storeDir, 'sealed', name))).to.equal(true)

    await bench.api.ImportSector('online', { ...proven, Finalized: false, Upgraded: true }, true)
    await bench.api.SubmitPersistedEx(sid, 'persist', true)
    await bench.api.ImportSector('offline', { ...proven, Upgraded: true }, true)
    rmSync(join(bench.storeDir, 'sealed', name))
    rmSync(join(bench.storeDir, 'cache', name), { recursive: true })
    const moved = await files('upgraded')
    expect(moved.stdout).to.include('export failure counts: 0, total: 1\n')
    expect(readdirSync(join(dir, 'upgraded')).sort()).to.deep.equal(['update', 'update-cache'])
    expect(existsSync(join(bench.storeDir, 'update', name))).to.equal(false)
  })
})
