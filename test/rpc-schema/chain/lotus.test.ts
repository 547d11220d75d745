import { expect } from 'chai'
import { z } from 'zod'
import { lotusService } from '../../../rpc-schema/chain/index.js'
import { HeadChange } from '../../../rpc-schema/chain/tipset.js'
import { list } from '../../../rpc-schema/wire/list.js'
import {
  declarationOf,
  decodeParams,
  jsonText,
  type RecordedCall,
  roundTrip,
  vectorLines,
  vectorText,
} from '../rpc/recorded-calls.js'

interface Sample {
  name: string
  request: { method: string; params?: unknown }
  response: { result?: unknown; error?: RecordedCall['error'] }
}

const samples = vectorLines('lotus-samples/calls.jsonl') as Sample[]

/** Requests that the node refused, as our declarations do. */
const REFUSED = new Set([
  'err.params-bad-address',
  'err.params-bad-tipset',
  'err.params-object',
  'err.params-too-few',
  'err.params-too-many',
  'err.params-wrong-type',
])

/** Go's nil lists, written by us as empty ones, and by which member. */
const NIL_LISTS = new Map<string, string[]>([
  ['ChainGetGenesis', ['WinPoStProof']],
  ['ChainGetParentMessages', ['']],
  ['MpoolGetConfig', ['PriorityAddrs']],
  ['StateMinerInfo.genesis', ['ControlAddresses', 'Multiaddrs']],
  ['StateMinerInfo.own', ['ControlAddresses', 'Multiaddrs']],
  ['err.params-mainnet-prefix', ['ControlAddresses', 'Multiaddrs']],
  ['StateMinerPartitions.own-empty', ['']],
  ['onboard.StateSectorPreCommitInfo', ['DealIDs']],
])

/** The recorded result with these null members replaced by empty lists; '' is the result itself. */
function withEmptyLists(value: unknown, members: readonly string[]): unknown {
  if (value === null && members.includes('')) return []
  return JSON.parse(JSON.stringify(value), (key, member: unknown) =>
    member === null && members.includes(key) ? [] : member,
  )
}

const declared = samples.filter(sample => sample.name !== 'err.method-not-found')

describe('lotus service', () => {
  it('declares every method of the samples', () => {
    const missing = declared.filter(sample => declarationOf(lotusService, sample.request.method) === undefined)
    expect(missing.map(sample => sample.request.method)).to.deep.equal([])
  })

  it('declares what the manager and its command line consume', () => {
    const consumed = `ChainHead ChainGetTipSet ChainGetTipSetByHeight ChainGetTipSetAfterHeight ChainNotify ChainGetMessage
      ChainReadObj ChainHasObj StateGetNetworkParams StateNetworkName StateNetworkVersion StateMinerInfo StateGetActor StateLookupID
      StateMinerAllocated StateGetRandomnessFromTickets StateGetRandomnessFromBeacon StateSectorPreCommitInfo
      StateMinerPreCommitDepositForPower StateMinerInitialPledgeForSector StateMinerInitialPledgeCollateral StateSectorGetInfo
      StateSectorPartition StateMinerPartitions StateMinerProvingDeadline StateMinerSectors StateMarketStorageDeal
      StateGetAllocation StateGetAllocationForPendingDeal StateGetAllocationIdForPendingDeal StateAccountKey
      StateMinerAvailableBalance StateMinerActiveSectors StateMinerDeadlines StateSectorExpiration StateMinerCreationDeposit
      StateComputeDataCID StateMinerSectorAllocated StateSearchMsg StateWaitMsg MpoolPushMessage MpoolGetNonce WalletHas`
    expect(Object.keys(lotusService.methods)).to.include.members(consumed.split(/\s+/))
  })

  it('only ChainNotify is a channel', () => {
    const channels = Object.entries(lotusService.methods).filter(([, declaration]) => declaration.channel)
    expect(channels.map(([name]) => name)).to.deep.equal(['ChainNotify'])
  })

  describe('recorded parameters', () => {
    for (const { name, request } of declared) {
      const declaration = declarationOf(lotusService, request.method)!
      if (REFUSED.has(name)) {
        it(`${name} are refused`, () => {
          expect(() => decodeParams(declaration, request.params as unknown[])).to.throw()
        })
      } else {
        it(`${name} decode, and encode to something that decodes to the same`, () => {
          const values = decodeParams(declaration, (request.params ?? []) as unknown[])
          const wire = declaration.params.map(({ schema }, index) => z.encode(schema, values[index]))
          expect(decodeParams(declaration, JSON.parse(JSON.stringify(wire)) as unknown[])).to.deep.equal(values)
        })
      }
    }
  })

  describe('recorded results', () => {
    for (const { name, request, response } of declared.filter(sample => sample.response.result !== undefined)) {
      const { result } = declarationOf(lotusService, request.method)!
      const nilLists = NIL_LISTS.get(name)
      if (nilLists === undefined) {
        it(`${name} is written as it was read, keys in the same order`, () => {
          expect(jsonText(roundTrip(result, response.result))).to.equal(jsonText(response.result))
        })
      } else {
        it(`${name} is written with empty lists for null ones`, () => {
          const written = roundTrip(result, response.result)
          expect(jsonText(written)).to.not.equal(jsonText(response.result))
          expect(jsonText(written)).to.equal(jsonText(withEmptyLists(response.result, nilLists)))
        })
      }
    }
  })

  it('ChainNotify: the recorded head changes are written as they were read', () => {
    const values = vectorText('lotus-samples/ChainNotify.frames.txt')
      .split('\n')
      .filter(line => line.startsWith('< ') && line.includes('xrpc.ch.val'))
      .map(line => (JSON.parse(line.slice(2)) as { params: [number, unknown] }).params[1])
    expect(values).to.have.lengthOf(3)
    const types = values.flatMap(value => z.decode(list(HeadChange), value as never).map(change => change.Type))
    expect(types).to.deep.equal(['current', 'apply', 'apply'])
    for (const value of values) expect(jsonText(roundTrip(list(HeadChange), value))).to.equal(jsonText(value))
  })
})
