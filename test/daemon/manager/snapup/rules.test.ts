import { expect } from 'chai'
import { NEWEST_RULES } from '../../../../daemon/manager/chain/network-version.js'
import type { MinerSetup } from '../../../../daemon/manager/config/load-settings.js'
import { unfitOnChain, unfitRecord } from '../../../../daemon/manager/snapup/candidate-rules.js'
import { closedUntil } from '../../../../daemon/manager/snapup/mutable-deadline.js'
import { retryWait } from '../../../../daemon/manager/snapup/retry.js'
import { submissionProblem } from '../../../../daemon/manager/snapup/submission-check.js'
import { updateMessage } from '../../../../daemon/manager/snapup/update-message.js'
import { ProveReplicaUpdates3Params } from '../../../../rpc-schema/actors/miner-replica-update.js'
import type { SectorPieceV2 } from '../../../../rpc-schema/manager/deals.js'
import { RpcError, RpcTransportError } from '../../../../rpc-schema/rpc/error.js'
import { Address } from '../../../../rpc-schema/wire/address.js'
import { cidToCommD, commDToCid, commRToCid } from '../../../../rpc-schema/wire/cid.js'
import { newDeadlineInfo } from '../../../../rpc-schema/wire/deadline.js'
import { zeroPieceCid } from '../../../../rpc-schema/wire/piece.js'
import { headAt, PRE, sealedRecord, stubNode } from '../commitment/stub-chain.js'
import { onChainSector } from '../proven-records.js'

const MIN_LIFE = 518_400
const DATA = commDToCid(new Uint8Array(32).fill(15))

describe('manager: which sectors can be upgraded', () => {
  const at = (expiration: number, change: object = {}) =>
    unfitOnChain(onChainSector({ Expiration: 10_000 + expiration, ...change }), 10_000, NEWEST_RULES)

  it('empty ones that live long enough for a deal', () => {
    expect(at(MIN_LIFE)).to.equal(undefined)
    expect(at(MIN_LIFE - 1)).to.include('ends in 518399 epochs')
    expect(at(MIN_LIFE, { SectorKeyCID: PRE.CommR })).to.include('upgraded before')
    expect(at(MIN_LIFE, { DealWeight: 1n }), 'direct data has no deal ids').to.include('holds data')
    expect(at(MIN_LIFE, { VerifiedDealWeight: 1n })).to.include('holds data')
  })

  it('whose record does not say otherwise', () => {
    const unfit = (change: object) => unfitRecord(sealedRecord(change), onChainSector())
    expect(unfit({})).to.equal(undefined)
    expect(unfit({ Pre: undefined }), 'imported').to.equal(undefined)
    expect(unfit({ Removed: true })).to.include('removed')
    const TerminateInfo = { TerminateCid: null, TerminatedAt: 0, AddedHeight: 5 }
    expect(unfit({ TerminateInfo })).to.include('terminated')
    expect(unfit({ Pre: { ...PRE, CommR: commRToCid(new Uint8Array(32).fill(9)) } })).to.include('sealed CID')
    expect(unfit({ Pre: { ...PRE, CommD: DATA }, Pieces: [piece()] })).to.include('sealed with data')
    expect(unfit({ Pieces: [piece()] }), 'of an upgrade that was given up').to.equal(undefined)
  })
})

function piece(deal: object = {}): SectorPieceV2 {
  return {
    Piece: { Size: 2048, PieceCID: DATA },
    DealInfo: {
      DealID: 0,
      PublishCid: null,
      AllocationID: 7,
      PieceCID: DATA,
      PieceSize: 2048,
      Client: Address.fromId(101),
      Provider: Address.fromId(1000),
      Offset: 0,
      Length: 2048,
      PayloadSize: 2000,
      StartEpoch: 0,
      EndEpoch: 0,
      IsBuiltinMarket: false,
      IsCompatible: false,
      ...deal,
    },
  }
}

describe('manager: when the chain takes changes of a deadline', () => {
  // Deadline 3 opens at 1180 and closes at 1240; the period begins at 1000.
  const closed = (epoch: number, deadline = 3) => closedUntil(deadline, newDeadlineInfo(1_000, 0, epoch, undefined))

  it('until one window before it opens, less the time that a message may take', () => {
    expect(closed(1_109)).to.equal(undefined)
    expect(closed(1_110)).to.equal(1_240)
    expect(closed(1_180), 'open').to.equal(1_240)
    expect(closed(1_239)).to.equal(1_240)
    expect(closed(1_240), 'the next time is a period away').to.equal(undefined)
  })

  it('also across the end of the proving period', () => {
    expect(closed(1_000 + 2_880 - 70, 0)).to.equal(1_000 + 2_880 + 60)
    expect(closed(1_000 + 2_880 - 80, 5)).to.equal(undefined)
  })
})

describe('manager: results of upgrades', () => {
  const record = sealedRecord({ Pieces: [piece()] })
  const info = {
    CommR: new Uint8Array(32).fill(5),
    CommD: cidToCommD(DATA),
    AccessInstance: 'p',
    Pieces: [DATA],
    Proof: new Uint8Array(192).fill(1),
  }
  const problem = (change: object) => submissionProblem(record, { ...info, ...change })?.Desc

  it('are of the pieces of the record, in their order, with a proof of the right length', () => {
    expect(problem({})).to.equal(undefined)
    expect(problem({ Proof: new Uint8Array() })).to.equal('empty proof')
    expect(problem({ Proof: new Uint8Array(100) })).to.include('100 bytes, expected 192')
    expect(problem({ Pieces: [] })).to.include('0 pieces')
    expect(problem({ Pieces: [zeroPieceCid(2048)] })).to.include('piece 0')
    expect(problem({ CommD: new Uint8Array(32) })).to.include('unsealed CID')
  })
})

describe('manager: the message of an upgrade', () => {
  const upgraded = {
    AccessInstance: 'p',
    SealedCID: commRToCid(new Uint8Array(32).fill(5)),
    UnsealedCID: DATA,
    Proof: new Uint8Array(192).fill(1),
  }
  const setup = (SendFund: boolean): MinerSetup =>
    ({
      SnapUp: { SendFund },
      Sealing: { RequireActivationSuccessUpdate: true, RequireNotificationSuccessUpdate: false },
    }) as MinerSetup

  const message = async (pieces: SectorPieceV2[], pledge: bigint, sendFund = true, count = 1) => {
    const asked: number[][] = []
    const node = stubNode({
      StateMinerInitialPledgeForSector: async (...args) => {
        asked.push(args.slice(0, 3) as number[])
        return pledge
      },
      StateGetAllocationIdForPendingDeal: async () => 0,
    })
    const update = {
      record: sealedRecord({ Pieces: pieces }),
      upgraded,
      onChain: onChainSector({ InitialPledge: 100n }),
      location: { Deadline: 4, Partition: 2 },
    }
    const updates = Array.from({ length: count }, () => update)
    const parts = { setup: setup(sendFund), head: headAt(9_000), rules: NEWEST_RULES }
    return { ...(await updateMessage(node, updates, parts)), asked }
  }

  it('carries what the pledge grows by; only verified pieces count for it', async () => {
    const verified = await message([piece()], 130n)
    expect(verified.value).to.equal(30n)
    expect(verified.asked).to.deep.equal([[2_000_000 - 9_000, 2048, 2048]])
    const market = piece({ DealID: 9, AllocationID: 0, IsBuiltinMarket: true })
    const unverified = await message([market], 90n)
    expect(unverified.asked[0]![2]).to.equal(0)
    expect(unverified.value, 'it never shrinks').to.equal(0n)
    expect((await message([piece()], 130n, false)).value).to.equal(0n)
  })

  it('of several carries what all of them need', async () => {
    const { params, value } = await message([piece()], 130n, true, 3)
    expect(value).to.equal(90n)
    const decoded = ProveReplicaUpdates3Params.decode(params)
    expect(decoded.SectorUpdates).to.have.length(3)
    expect(decoded.SectorProofs).to.have.length(3)
  })

  it('is one update by ProveReplicaUpdates3', async () => {
    const { method, params } = await message([piece()], 130n)
    expect(method).to.equal(35)
    const decoded = ProveReplicaUpdates3Params.decode(params)
    expect(decoded).to.deep.include({
      UpdateProofsType: 0,
      AggregateProofType: null,
      RequireActivationSuccess: true,
      RequireNotificationSuccess: false,
    })
    expect(decoded.SectorUpdates[0]).to.deep.include({ Sector: 3, Deadline: 4, Partition: 2 })
    expect(decoded.SectorUpdates[0]!.Pieces[0]!.VerifiedAllocationKey).to.deep.equal({ Client: 101, ID: 7 })
  })
})

describe('manager: waits after a failure', () => {
  const retry = { MaxAttempts: null, PollInterval: 1, APIFailureWait: 2_000, LocalFailureWait: 3_000 }
  it('are of the kind of the failure', () => {
    expect(retryWait(retry, new RpcTransportError('ws://h', 'lost'))).to.equal(2_000)
    expect(retryWait(retry, new RpcError(1, 'no'))).to.equal(2_000)
    expect(retryWait(retry, new Error('disk'))).to.equal(3_000)
    expect(retryWait({ ...retry, LocalFailureWait: 0 }, new Error('disk'))).to.equal(30_000)
  })
})
