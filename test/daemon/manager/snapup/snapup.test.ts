import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { closedUntil } from '../../../../daemon/manager/snapup/mutable-deadline.js'
import { persistedFiles } from '../../../../daemon/manager/storage/store-files.js'
import type { DealImport } from '../../../../rpc-schema/devnet/index.js'
import { SUBMIT_RESULT } from '../../../../rpc-schema/manager/commitment.js'
import type { SectorState } from '../../../../rpc-schema/manager/sector-state.js'
import type { AllocatedSnapUpSector, SnapUpOnChainInfo } from '../../../../rpc-schema/manager/snapup.js'
import { Address } from '../../../../rpc-schema/wire/address.js'
import { commRToCid } from '../../../../rpc-schema/wire/cid.js'
import type { SectorID } from '../../../../rpc-schema/wire/sector-id.js'
import { eventually } from '../../../harness/eventually.js'
import { onEachDatabase } from '../../../harness/on-each-database.js'
import { runManagerCli } from '../../../harness/run-manager-cli.js'
import { pretendedWindowProof, WindowPoster } from '../../../harness/window-poster.js'
import { ANY_SECTOR, finishedSector, stepReport } from '../finished-sector.js'
import { goodProof, ManagerBench, MINER, PIECE_COMMITMENT } from '../manager-bench.js'

const LIMIT_MS = 40_000
const MINER_ADDRESS = Address.fromId(MINER)
const SPEC = { Sector: ANY_SECTOR, Deals: { MaxDeals: null, MinUsedSpace: null } }
const PROVE_REPLICA_UPDATES = 35
/** More than the 900 epochs of finality and the confidence. */
const PAST_FINALITY = 930

const CONFIG = `[Miners.Commitment]
Confidence = 2
[Miners.Commitment.Pre.Batch]
Threshold = 1
[Miners.Commitment.Prove.Batch]
Threshold = 1
[Miners.SnapUp]
Enabled = true
MessageConfidence = 2
ReleaseConfidence = 5
`

onEachDatabase('manager: upgrades', database => {
  let bench: ManagerBench
  let poster: WindowPoster

  before(async function () {
    this.timeout(60_000)
    const devnet = { challengeWindow: 20, deadlines: 8 }
    bench = await new ManagerBench({
      database: await database.fresh(),
      deals: true,
      minerConfig: CONFIG,
      devnet,
    }).start()
    poster = new WindowPoster({ node: bench.chain, miner: MINER_ADDRESS, prove: pretendedWindowProof })
    poster.start()
  })
  after(async () => {
    await poster?.stop()
    await bench?.stop()
  })

  /** An active sector without data, and its deadline. */
  async function candidate(): Promise<{ record: SectorState; sid: SectorID; deadline: number }> {
    const record = await finishedSector(bench)
    const sid = record.ID
    await eventually(`sector ${sid.Number} is active`, LIMIT_MS, async () => {
      const active = await bench.chain.StateMinerActiveSectors(MINER_ADDRESS, [])
      return active.some(({ SectorNumber }) => SectorNumber === sid.Number) || undefined
    })
    const { Deadline } = await bench.chain.StateSectorPartition(MINER_ADDRESS, sid.Number, [])
    return { record, sid, deadline: Deadline }
  }

  const offer = async (): Promise<number> =>
    (await bench.admin.ImportDeal({ Miner: MINER, Data: new Uint8Array(1900).fill(5) })).AllocationID

  const dealState = async (allocation: number): Promise<string> =>
    (await bench.admin.Status()).Deals.find(deal => deal.AllocationID === allocation)!.State

  async function allocated(): Promise<AllocatedSnapUpSector & { allocation: number }> {
    const { sid, deadline } = await candidate()
    await bench.api.SnapUpPreFetch(MINER, deadline)
    const allocation = await offer()
    const found = (await bench.api.AllocateSanpUpSector(SPEC))!
    expect(found.Sector.ID).to.deep.equal(sid)
    return { ...found, allocation }
  }

  /** One of the sectors that are candidates already. */
  async function allocatedNow(): Promise<AllocatedSnapUpSector> {
    await offer()
    const found = await bench.api.AllocateSanpUpSector(SPEC)
    if (found === null) throw new Error('no candidate')
    return found
  }

  /** Whether an upgrade that is sent now would land in time. */
  async function takesChanges({ Number: number }: SectorID): Promise<boolean> {
    const { Deadline } = await bench.chain.StateSectorPartition(MINER_ADDRESS, number, [])
    return closedUntil(Deadline, await bench.chain.StateMinerProvingDeadline(MINER_ADDRESS, [])) === undefined
  }

  const result = ({ Sector, Pieces }: AllocatedSnapUpSector, proof = goodProof(7)): SnapUpOnChainInfo => {
    const CommR = new Uint8Array(32).fill(200 - Sector.ID.Number)
    CommR[31] = 0
    return {
      CommR,
      CommD: PIECE_COMMITMENT,
      AccessInstance: 'persist',
      Pieces: Pieces.map(({ Piece }) => Piece.PieceCID),
      Proof: proof,
    }
  }

  const files = (sid: SectorID, upgrade: boolean): boolean[] =>
    persistedFiles(sid, 5, upgrade).map(file => existsSync(join(bench.storeDir, file)))

  const refusal = (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => 'nothing was refused',
      (error: Error) => error.message,
    )

  it('an empty sector becomes a candidate, gets deals, and is brought to the chain once and for good', async function () {
    this.timeout(120_000)
    const { api, chain } = bench
    expect(await api.SnapUpCandidates(MINER)).to.equal(null)
    const { record, sid, deadline } = await candidate()
    expect(await api.SnapUpPreFetch(MINER, deadline + 8), 'deadlines are taken modulo').to.deep.equal({
      Total: 1,
      Diff: 1,
    })
    expect(await api.SnapUpPreFetch(MINER, deadline)).to.deep.equal({ Total: 1, Diff: 0 })
    const candidates = (await api.SnapUpCandidates(MINER))!
    expect(candidates).to.have.length(48)
    expect(candidates[deadline]!.toArray()).to.deep.equal([sid.Number])
    const snap = (...args: string[]) =>
      runManagerCli('util', '--listen', bench.manager.address, 'sealer', 'snap', ...args)
    expect((await snap('fetch', `t0${MINER}`, `${deadline}`)).stdout).to.include('available-in-deadline 1, added 0')
    expect(JSON.parse((await snap('candidates', `t0${MINER}`, '--json')).stdout)).to.deep.equal([
      { deadline, sectors: [sid.Number] },
    ])
    expect((await snap('candidates', '999')).stdout).to.equal('no candidates available\n')

    expect(await api.AllocateSanpUpSector(SPEC), 'no deals').to.equal(null)
    const allocation = await offer()
    expect(await api.AllocateSanpUpSector({ ...SPEC, Sector: { ...ANY_SECTOR, AllowedProofTypes: [8] } })).to.equal(
      null,
    )
    expect((await api.SnapUpCandidates(MINER))![deadline]!.count, 'still a candidate').to.equal(1)
    const found = (await api.AllocateSanpUpSector(SPEC))!
    expect(found.Sector).to.deep.equal({ ID: sid, ProofType: 5 })
    expect(found.Public.SealedCID.equals(record.Pre!.CommR)).to.equal(true)
    expect(found.Private).to.deep.equal({ AccessInstance: 'persist' })
    expect(await api.SnapUpCandidates(MINER)).to.equal(null)
    expect(await dealState(allocation)).to.equal('sealing')
    expect(await api.AllocateSanpUpSector(SPEC)).to.equal(null)

    const info = result(found)
    const submit = (change: Partial<SnapUpOnChainInfo> = {}) => api.SubmitSnapUpProof(sid, { ...info, ...change })
    expect((await submit({ Proof: new Uint8Array() })).Desc).to.equal('empty proof')
    expect((await submit({ Pieces: [] })).Res).to.equal(SUBMIT_RESULT.rejected)
    expect((await submit({ CommD: new Uint8Array(32).fill(1) })).Desc).to.include('unsealed CID')
    expect(await submit()).to.deep.include({ Res: SUBMIT_RESULT.filesMissed })
    bench.writeFiles(sid, 5, true)
    expect((await submit({ Proof: new Uint8Array(192) })).Desc).to.include('invalid proof')
    expect(await refusal(submit({ AccessInstance: 'nowhere' }))).to.include('store not found')
    expect(await submit()).to.deep.equal({ Res: SUBMIT_RESULT.accepted, Desc: null })
    expect(bench.updatesVerified.at(-1)).to.deep.include({ commROld: found.Public.CommR, commRNew: info.CommR })
    expect((await submit()).Res, 'the answer was lost').to.equal(SUBMIT_RESULT.accepted)
    expect((await submit({ CommR: new Uint8Array(32) })).Res).to.equal(SUBMIT_RESULT.mismatchedSubmission)
    await api.ReportFinalized(sid)
    expect((await api.FindSector('online', sid))!.Upgraded).to.equal(true)

    await eventually('the upgrade counts', LIMIT_MS, async () => {
      const { UpgradeLandedEpoch } = (await api.FindSector('online', sid))!
      return UpgradeLandedEpoch ?? undefined
    })
    const onChain = (await chain.StateSectorGetInfo(MINER_ADDRESS, sid.Number, []))!
    expect(onChain.SealedCID.toString()).to.equal(commRToCid(info.CommR).toString())
    expect(onChain.SectorKeyCID?.toString()).to.equal(found.Public.SealedCID.toString())
    expect(await bench.landed(PROVE_REPLICA_UPDATES, sid)).to.equal(1)
    expect(await dealState(allocation)).to.equal('active')
    expect(await refusal(api.ReportAborted(sid, 'too late'))).to.include('on its way')
    expect(files(sid, false), 'before finality').to.not.include(false)

    await bench.admin.NullRounds(PAST_FINALITY)
    const final = await eventually('the upgrade is final', LIMIT_MS, async () => {
      const now = (await api.FindSectorInAllStates(sid))!
      return now.Finalized ? now : undefined
    })
    expect(final).to.deep.include({ Upgraded: true, AbortReason: '' })
    expect(files(sid, false)).to.not.include(true)
    expect(files(sid, true)).to.not.include(false)
    expect(await bench.landed(PROVE_REPLICA_UPDATES, sid)).to.equal(1)
  })

  it('an upgrade that is given up gives its deals back, and the sector is a candidate again', async function () {
    this.timeout(60_000)
    const { Sector, allocation } = await allocated()
    const sid = Sector.ID
    await bench.api.ReportState(sid, stepReport('w'))
    await bench.api.ReportAborted(sid, 'no luck')
    expect(await dealState(allocation)).to.equal('allocated')
    const record = (await bench.api.FindSector('offline', sid))!
    expect(record).to.deep.include({ Upgraded: false, Pieces: null, UpgradePublic: null, AbortReason: 'no luck' })
    const again = (await bench.api.AllocateSanpUpSector(SPEC))!
    expect(again.Sector.ID).to.deep.equal(sid)
    expect((await bench.api.FindSector('online', sid))!.AbortReason).to.equal('')
    await bench.api.ReportAborted(sid, 'no luck')
  })

  it('goes on after a restart, and sends nothing twice', async function () {
    this.timeout(120_000)
    const found = (await bench.api.AllocateSanpUpSector(SPEC))!
    const sid = found.Sector.ID
    bench.writeFiles(sid, 5, true)
    // The chain has the message, but its answer is lost and the manager dies.
    await bench.admin.Fail({ Method: 'Filecoin.MpoolPushMessage', Kind: 'drop-after-effect', Times: 1 })
    expect((await bench.api.SubmitSnapUpProof(sid, result(found))).Res).to.equal(SUBMIT_RESULT.accepted)
    await eventually('the message is on the chain', LIMIT_MS, async () => {
      return (await bench.landed(PROVE_REPLICA_UPDATES, sid)) > 0 || undefined
    })
    await bench.manager.stop()
    await bench.startManager()
    await eventually('the upgrade counts', LIMIT_MS, async () => {
      const { UpgradeLandedEpoch } = (await bench.api.FindSector('online', sid))!
      return UpgradeLandedEpoch ?? undefined
    })
    expect(await bench.landed(PROVE_REPLICA_UPDATES, sid)).to.equal(1)
  })

  it('upgrades that are ready at the same time go in one message', async function () {
    this.timeout(120_000)
    const { api, admin } = bench
    const both: SectorID[] = []
    for (let count = 0; count < 2; count++) {
      const { deadline } = await candidate()
      await api.SnapUpPreFetch(MINER, deadline)
    }
    const given = [await allocatedNow(), await allocatedNow()]
    // Nothing is sent yet: the sending of each is stopped while the node does not tell where a sector is.
    await admin.Fail({ Method: 'Filecoin.StateSectorPartition', Kind: 'error', Times: 1_000, Message: 'not now' })
    for (const found of given) {
      const sid = found.Sector.ID
      bench.writeFiles(sid, 5, true)
      expect((await api.SubmitSnapUpProof(sid, result(found))).Res).to.equal(SUBMIT_RESULT.accepted)
      await api.SnapUpCancelCommitment(sid)
      both.push(sid)
    }
    await admin.ClearFaults()
    await bench.manager.stop()
    // They may lie in different deadlines, and the chain takes no upgrade of one that is about to open.
    await admin.PauseMining()
    await eventually('both deadlines take changes', LIMIT_MS, async () => {
      if ((await Promise.all(both.map(takesChanges))).every(Boolean)) return true
      await admin.Advance(1)
      return undefined
    })
    await bench.startManager()
    await eventually('both have been sent', LIMIT_MS, async () => {
      const jobs = await bench.own.SnapUpJobs()
      const isSent = ({ Number: number }: SectorID) =>
        jobs.some(({ Sector, State }) => Sector.Number === number && State === 'waiting')
      return both.every(isSent) || undefined
    })
    await admin.ResumeMining()
    for (const sid of both)
      await eventually(`the upgrade of ${sid.Number} counts`, LIMIT_MS, async () => {
        return (await bench.api.FindSector('online', sid))!.UpgradeLandedEpoch ?? undefined
      })
    const numbers = both.map(sid => sid.Number)
    const messages = await admin.Messages({ Miner: MINER, Method: PROVE_REPLICA_UPDATES })
    const of = messages.filter(({ Sectors }) => numbers.some(number => Sectors.includes(number)))
    expect(of.map(({ Sectors }) => [...Sectors].sort())).to.deep.equal([numbers.sort()])
  })

  it('a deal of the built-in market is put into an empty sector, or given back', async function () {
    this.timeout(120_000)
    const { api, admin, chain } = bench
    const stateOf = async (id: number) => (await admin.Status()).Deals.find(({ DealID }) => DealID === id)!
    const { sid, deadline } = await candidate()
    await api.SnapUpPreFetch(MINER, deadline)
    const { Expiration } = (await chain.StateSectorGetInfo(MINER_ADDRESS, sid.Number, []))!
    const publish = (more: Partial<DealImport>) =>
      admin.ImportDeal({ Miner: MINER, Data: new Uint8Array(1900).fill(5), Builtin: true, ...more })
    const late = await publish({ Duration: Expiration - (await chain.ChainHead()).Height })
    expect(await api.AllocateSanpUpSector(SPEC), 'the deal ends after the sector').to.equal(null)
    expect((await stateOf(late.DealID)).State).to.equal('allocated')

    const { DealID } = await publish({ Verified: true })
    const given = (await api.AllocateSanpUpSector(SPEC))!
    expect(given.Pieces.map(({ DealInfo }) => DealInfo!.DealID)).to.deep.equal([DealID])
    await api.ReportAborted(given.Sector.ID, 'no luck')
    expect((await stateOf(DealID)).State).to.equal('allocated')

    const again = (await api.AllocateSanpUpSector(SPEC))!
    bench.writeFiles(again.Sector.ID, 5, true)
    const ID = await chain.StateGetAllocationIdForPendingDeal(DealID, [])
    expect((await api.SubmitSnapUpProof(again.Sector.ID, result(again))).Res).to.equal(SUBMIT_RESULT.accepted)
    await eventually('the deal is active', LIMIT_MS, async () => {
      return (await stateOf(DealID)).State === 'active' || undefined
    })
    expect((await chain.StateMarketStorageDeal(DealID, [])).State.SectorNumber).to.equal(again.Sector.ID.Number)
    expect((await chain.StateGetClaim(MINER_ADDRESS, ID, []))!.Sector).to.equal(again.Sector.ID.Number)
  })
})
