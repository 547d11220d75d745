import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { managerService } from '../../../../rpc-schema/manager/index.js'
import { sealyardService } from '../../../../rpc-schema/manager/sealyard.js'
import type { SectorState } from '../../../../rpc-schema/manager/sector-state.js'
import { rpcClient } from '../../../../rpc-schema/rpc/client.js'
import { connectRpc } from '../../../../rpc-schema/rpc/connection.js'
import type { Handlers } from '../../../../rpc-schema/rpc/method.js'
import { Bitfield } from '../../../../rpc-schema/wire/bitfield.js'
import { sectorName } from '../../../../rpc-schema/wire/sector-id.js'
import { onEachDatabase } from '../../../harness/on-each-database.js'
import { type Outcome, runManagerCli } from '../../../harness/run-manager-cli.js'
import { scriptedService } from '../../../harness/scripted-service.js'
import { ManagerBench, MINER } from '../manager-bench.js'
import { dealInfo, PIECE, piece, reported, wireRecord } from '../sectors/records.js'

type Served = Partial<Handlers<typeof managerService.methods>>
const ANY = { AllowedMiners: [], AllowedProofTypes: [] }

/** A damocles-manager with these records; it answers as the recorded one does. */
class OtherManager {
  readonly online: SectorState[] = []
  readonly offline: SectorState[] = []
  /** Stores by the names of sectors. */
  readonly files = new Map<string, string>()
  served!: Awaited<ReturnType<typeof scriptedService>>

  async start(): Promise<this> {
    const handlers: Served = {
      Version: () => '0.13.1',
      ListSectors: store => (store === 'online' ? this.online : this.offline),
      SectorIndexerFind: (kind, sid) => {
        const store = this.files.get(`${kind} ${sectorName(sid)}`)
        return { Found: store !== undefined, Instance: { SealedFile: store ?? '', CacheDir: '' } }
      },
      SnapUpCandidates: () => [null, Bitfield.of([30]), null],
      StoreList: () => [
        {
          Name: 'persist',
          Path: '/persist',
          Strict: false,
          ReadOnly: false,
          Weight: 0,
          Meta: null,
          Type: 'default',
          Total: 1_000_000,
          Free: 1_000_000,
          Used: 0,
          UsedPercent: 0,
          Reserved: 5096,
          ReservedBy: [
            { By: 's-t01000-21', Size: 4096, At: 1 },
            { By: 's-t01000-99', Size: 1000, At: 1 },
          ],
        },
      ],
    }
    this.served = await scriptedService(managerService, handlers)
    return this
  }
}

onEachDatabase('manager: taking over from damocles', database => {
  let bench: ManagerBench
  let other: OtherManager
  let dir: string

  beforeEach(async function () {
    this.timeout(60_000)
    dir = mkdtempSync(join(tmpdir(), 'migrate-'))
    bench = await new ManagerBench({ database: await database.fresh() }).start()
    other = await new OtherManager().start()
    const waits = { PreCommitCid: null, CommitCid: null, NeedSend: true }
    other.online.push(
      wireRecord(21, reported('w1', 'PC1Done')),
      wireRecord(22, { ...reported('w1', 'PC2Done'), MessageInfo: waits }),
      wireRecord(23, { NeedRebuild: true }),
      wireRecord(30, {}),
    )
    other.offline.push(
      wireRecord(30, { Finalized: true }),
      wireRecord(31, { Finalized: true, Pieces: [piece(PIECE, dealInfo({ DealID: 5, IsBuiltinMarket: true }))] }),
      wireRecord(32, { Finalized: true, AbortReason: 'given up' }),
    )
    other.files.set('normal s-t01000-31', 'far-away')
  })
  afterEach(async () => {
    await other.served.close()
    await bench.stop()
    rmSync(dir, { recursive: true, force: true })
  })

  const migrate = (...args: string[]): Promise<Outcome> =>
    runManagerCli('util', '--listen', bench.manager.address, 'migrate', ...args)
  const take = (...args: string[]): Promise<Outcome> => migrate('from-damocles', '--api', other.served.url, ...args)
  const here = async (): Promise<string[]> => [
    ...((await bench.api.ListSectors('online', 0)) ?? []).map(({ ID }) => `online ${ID.Number}`),
    ...((await bench.api.ListSectors('offline', 0)) ?? []).map(({ ID }) => `offline ${ID.Number}`),
  ]

  it('a dry run reports and changes nothing', async () => {
    const file = join(dir, 'report.json')
    const { code, stdout, stderr } = await take('--dry-run', '--report', file)
    expect([code, stderr]).to.deep.equal([0, ''])
    expect(stdout).to.include('damocles-manager 0.13.1, 6 sectors of 1 miners\n')
    const expected = [
      's-t01000-30: has a record in both stores; the online one is taken, the other is left',
      's-t01000-23: is to be rebuilt',
      's-t01000-31: is finished, but the chain has never had its number',
      'far-away: is a store of the other manager, not configured',
    ]
    for (const line of expected) expect(stdout).to.include(line)
    expect(stdout).to.match(/nothing has been changed\n$/)
    expect(JSON.parse(readFileSync(file, 'utf8'))).to.have.length(4)
    expect(await here()).to.deep.equal([])
    expect((await bench.api.AllocateSector(ANY))!.ID.Number).to.equal(1)
  }).timeout(60_000)

  it('takes all over, as often as wanted, and gives no numbers before it is finished', async () => {
    const first = await take()
    expect([first.code, first.stderr]).to.deep.equal([0, ''])
    expect(first.stdout).to.include('sectors: new 6, renewed 0, same 0, kept 0\n')
    expect(first.stdout).to.include('s-t01000-99: holds 1000 bytes in persist without an online record; not taken')
    const all = ['online 21', 'online 22', 'online 23', 'online 30', 'offline 31', 'offline 32']
    expect(await here()).to.deep.equal(all)
    expect(await bench.api.AllocateSector(ANY)).to.equal(null)
    const place = await bench.api.SectorIndexerFind('normal', { Miner: MINER, Number: 31 })
    expect(place).to.deep.equal({ Found: true, Instance: { SealedFile: 'far-away', CacheDir: 'far-away' } })
    expect((await bench.api.StoreList())![0]!.ReservedBy.map(({ By, Size }) => [By, Size])).to.deep.equal([
      ['s-t01000-21', 4096],
    ])
    const waiting = await bench.api.FindSector('online', { Miner: MINER, Number: 22 })
    expect(waiting!.MessageInfo.NeedSend).to.equal(false)

    expect((await take()).stdout).to.include('sectors: new 0, renewed 0, same 6, kept 0\n')
    // The other one goes on; one sector has been touched here.
    other.online[0] = wireRecord(21, reported('w1', 'PC2Done'))
    other.online.push(wireRecord(40))
    await bench.api.RestoreSector({ Miner: MINER, Number: 32 }, false)
    const later = await take()
    expect(later.stdout).to.include('sectors: new 1, renewed 1, same 4, kept 1\n')
    expect(later.stdout).to.include('s-t01000-32: has been changed here since, its record is kept')

    const last = await take('--finish')
    expect(last.stdout).to.include('sectors: new 0, renewed 1, same 5, kept 1\n')
    expect(last.stdout).to.match(/finished: stop the other manager for good, restart this one/)
    const sent = await bench.api.FindSector('online', { Miner: MINER, Number: 22 })
    expect(sent!.MessageInfo.NeedSend).to.equal(true)
    expect((await bench.api.AllocateSector(ANY))!.ID.Number).to.equal(41)
    const again = await take()
    expect(`${again.code},${again.stderr}`).to.match(/^1,.*was finished at/)
  }).timeout(60_000)

  it('goes on after it was cut off in the middle', async () => {
    for (let number = 1_000; number < 1_450; number++) other.offline.push(wireRecord(number, { Finalized: true }))
    const connection = connectRpc(`http://${bench.manager.address}`, { path: '/rpc/v0' })
    const own = rpcClient(sealyardService, connection)
    const some = (count: number) =>
      other.offline.slice(-count).map(Record => ({ Store: 'offline' as const, Record, Normal: null, Upgrade: null }))
    const source = other.served.url
    await own.BeginTakeover(source)
    expect(await own.TakeOver(source, some(200), false)).to.have.length(200)
    const tooMany = await own.TakeOver(source, some(201), false).catch((error: Error) => error.message)
    expect(tooMany).to.include('expected at most 200, found 201')
    await connection.close()
    expect(await here()).to.have.length(200)
    expect((await take('--finish')).stdout).to.include('sectors: new 256, renewed 0, same 200, kept 0\n')
    expect(await here()).to.have.length(456)
  }).timeout(60_000)

  it("the original's flags are answered with how to migrate; a manager that is not there with its address", async () => {
    const old = await migrate('--from', 'badger', '--to', 'mongo')
    expect(`${old.code},${old.stderr}`).to.match(/^1,.*from-damocles --api HOST:PORT --dry-run/)
    const away = await migrate('from-damocles', '--api', '127.0.0.1:1')
    expect(`${away.code},${away.stderr}`).to.match(
      /^1,.*the other manager cannot be read.*correct --api 127\.0\.0\.1:1/,
    )
    expect(away.stderr, 'nothing is wrong with ours').not.to.contain('daemon run')
    expect(await here()).to.deep.equal([])
  }).timeout(60_000)
})
