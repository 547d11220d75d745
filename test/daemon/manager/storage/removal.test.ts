import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { type RemovalFacts, whyFilesStay } from '../../../../daemon/manager/storage/removal-rules.js'
import { ON_CHAIN_STATE } from '../../../../rpc-schema/manager/commitment.js'
import { sealyardService } from '../../../../rpc-schema/manager/sealyard.js'
import { rpcClient } from '../../../../rpc-schema/rpc/client.js'
import { connectRpc } from '../../../../rpc-schema/rpc/connection.js'
import { onEachDatabase } from '../../../harness/on-each-database.js'
import { goodProof, ManagerBench } from '../manager-bench.js'

describe('manager: whether the files of a sector must stay', () => {
  const facts = (change: Partial<RemovalFacts>): RemovalFacts => ({
    height: 10_000,
    now: 'absent',
    lookbackAgo: 'absent',
    lookback: 900,
    expiration: undefined,
    preCommitted: false,
    terminatedAt: 0,
    ...change,
  })
  const cases: readonly [string, Partial<RemovalFacts>, RegExp | undefined][] = [
    ['never on the chain', {}, undefined],
    ['live', { now: 'live', lookbackAgo: 'live', expiration: 20_000 }, /live on the chain until epoch 20000/],
    ['pre-committed', { preCommitted: true }, /pre-committed/],
    ['terminated just now', { now: 'over', lookbackAgo: 'live', terminatedAt: 9_500 }, /winning lookback\?\): 10400/],
    ['terminated long ago', { now: 'over', lookbackAgo: 'over', terminatedAt: 9_100 }, undefined],
    ['said to be terminated, and live', { now: 'live', terminatedAt: 10 }, /live on the chain/],
    ['expired just now', { now: 'over', lookbackAgo: 'live' }, /it was live 900 epochs ago/],
    ['expired long ago, its record compacted', { now: 'absent', lookbackAgo: 'over' }, undefined],
  ]
  for (const [what, change, why] of cases) {
    it(`${what}: ${why === undefined ? 'no' : 'yes'}`, () => {
      const answer = whyFilesStay(facts(change))
      if (why === undefined) expect(answer).to.equal(undefined)
      else expect(answer).to.match(why)
    })
  }
})

onEachDatabase('manager: files of sectors are removed', database => {
  let bench: ManagerBench

  before(async function () {
    this.timeout(60_000)
    bench = await new ManagerBench({ database: await database.fresh() }).start()
  })
  after(() => bench?.stop())

  const failure = (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => 'no error',
      (error: Error) => error.message,
    )

  it('of a proven one not as long as it is live, unless forced; then all of them, once, and it is remembered', async () => {
    const { api } = bench
    const { sector, sid, pre } = await bench.sealed()
    await api.SubmitPreCommit(sector, pre, false)
    bench.writeFiles(sid, sector.ProofType)
    await api.SubmitPersistedEx(sid, 'persist', false)
    await bench.preCommitState(sid, ON_CHAIN_STATE.landed)
    await bench.seed(sid, sector.ProofType)
    await api.SubmitProof(sid, { Proof: goodProof(1) }, false)
    await bench.proofState(sid, ON_CHAIN_STATE.landed)
    expect(await failure(api.RemoveSector(sid)), 'online').to.contain('key not found')
    await api.ReportFinalized(sid)

    const info = await api.ProvingSectorInfo(sid)
    expect(info.Private).to.deep.equal({
      Accesses: { SealedFile: 'persist', CacheDir: 'persist' },
      CacheDirPath: join(bench.storeDir, `cache/s-t01000-${sid.Number}`),
      SealedSectorPath: join(bench.storeDir, `sealed/s-t01000-${sid.Number}`),
      CacheDirURI: `cache/s-t01000-${sid.Number}`,
      SealedSectorURI: `sealed/s-t01000-${sid.Number}`,
    })
    const checked = { SealProof: 5, SectorNumber: sid.Number, SectorKey: null, SealedCID: info.OnChain.SealedCID! }
    expect(await api.CheckProvable(sid.Miner, 10, [checked], false, false)).to.deep.equal({})
    const strict = await api.CheckProvable(sid.Miner, 10, [checked, { ...checked, SectorNumber: 99 }], true, true)
    expect(strict?.[sid.Number]).to.contain('has 1 bytes, expected 2048')
    expect(strict?.['99']).to.contain('object not found')

    expect(await failure(api.RemoveSector(sid))).to.match(/files of s-t01000-\d+ stay: it is live on the chain/)
    expect(existsSync(info.Private.SealedSectorPath)).to.equal(true)

    const connection = connectRpc(`http://${bench.manager.address}`, { path: '/rpc/v0' })
    const own = rpcClient(sealyardService, connection)
    const preview = await own.PreviewRemoval(sid)
    expect(preview.Paths).to.deep.equal([
      { Store: 'persist', Path: info.Private.CacheDirURI },
      { Store: 'persist', Path: info.Private.SealedSectorURI },
    ])
    expect(preview.WhyNot).to.contain('live')
    await own.RemoveSectorFiles(sid, true)
    expect(existsSync(info.Private.SealedSectorPath)).to.equal(false)
    expect(existsSync(info.Private.CacheDirPath)).to.equal(false)
    expect((await api.FindSectorInAllStates(sid))?.Removed).to.equal(true)
    expect((await api.SectorIndexerFind('normal', sid)).Found).to.equal(false)
    await api.RemoveSector(sid)
    expect((await own.PreviewRemoval(sid)).Done).to.equal(true)
    expect(((await own.SectorHistory(sid)) ?? []).map(event => event.Event)).to.include.members(['removing', 'removed'])
    await connection.close()
  })

  it('of one that never came on the chain at once; a second call after a cut-off one goes on', async () => {
    const { api } = bench
    const { sector, sid } = await bench.sealed()
    bench.writeFiles(sid, sector.ProofType)
    await api.SubmitPersistedEx(sid, 'persist', false)
    await api.ReportAborted(sid, 'no use')
    // As if the first removal had been cut off half-way.
    mkdirSync(join(bench.storeDir, 'sealed'), { recursive: true })
    writeFileSync(join(bench.storeDir, `sealed/s-t01000-${sid.Number}`), 'left over')
    await api.RemoveSector(sid)
    expect(existsSync(join(bench.storeDir, `sealed/s-t01000-${sid.Number}`))).to.equal(false)
    expect(existsSync(join(bench.storeDir, `cache/s-t01000-${sid.Number}`))).to.equal(false)
  })

  it('and one that is not on the chain is told of, not fallen over', async () => {
    const { api } = bench
    expect(await failure(api.ProvingSectorInfo({ Miner: 1000, Number: 77 }))).to.contain(
      's-t01000-77 is not on the chain',
    )
    expect(await failure(api.RemoveSector({ Miner: 1000, Number: 77 }))).to.contain('key not found')
  })
})
