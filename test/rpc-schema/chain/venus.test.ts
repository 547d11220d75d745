import { expect } from 'chai'
import { z } from 'zod'
import { marketService, messagerService } from '../../../rpc-schema/chain/index.js'
import { GetDealSpec, RequestEvent, UnsealRequest } from '../../../rpc-schema/chain/market.js'
import { MESSAGER_STATE, MessagerMessage, SendSpec } from '../../../rpc-schema/chain/messager.js'
import { DealInfoV2 } from '../../../rpc-schema/manager/deals.js'
import { type RecordedCall, vectorLines } from '../rpc/recorded-calls.js'

describe('messager service', () => {
  it('writes a send spec with all members, an unset fee as null', () => {
    const spec = { expireEpoch: 0, gasOverEstimation: 1.2, maxFee: null, gasOverPremium: 0 }
    expect(JSON.stringify(z.encode(SendSpec, z.decode(SendSpec, { gasOverEstimation: 1.2 })))).to.equal(
      JSON.stringify(spec),
    )
  })

  it('reads a message of which only the outcome is told', () => {
    const message = z.decode(MessagerMessage, {
      ID: 'x-1',
      SignedCid: null,
      Confidence: 3,
      Height: 77,
      TipSetKey: null,
      Receipt: { ExitCode: 0, Return: null, GasUsed: 1_000_000 },
      State: MESSAGER_STATE.onChain,
    })
    expect(message.State).to.equal(MESSAGER_STATE.onChain)
    expect(message.Receipt).to.deep.equal({ ExitCode: 0, Return: null, GasUsed: 1_000_000, EventsRoot: null })
    expect(message.TipSetKey).to.deep.equal([])
    expect(message.ErrorMsg).to.equal('')
    expect(message.To.isEmpty).to.equal(true)
  })

  it('has the five methods the manager calls', () => {
    expect(Object.keys(messagerService.methods)).to.have.members([
      'HasMessageByUid',
      'GetMessageByUid',
      'WaitMessage',
      'PushMessage',
      'PushMessageWithId',
    ])
  })
})

describe('market service', () => {
  it('writes a deal spec in Go’s order', () => {
    expect(JSON.stringify(z.encode(GetDealSpec, z.decode(GetDealSpec, { MaxPiece: 3, SectorExpiration: 9 })))).to.equal(
      '{"MaxPiece":3,"MaxPieceSize":0,"MinPiece":0,"MinPieceSize":0,"MinUsedSpace":0,"StartEpoch":0,"EndEpoch":0,"SectorExpiration":9}',
    )
  })

  it('answers what the manager passes on to workers, less the two flags', () => {
    const calls = vectorLines('rpc/worker-to-manager.jsonl') as (RecordedCall & { peer: string })[]
    const acquired = calls.find(call => call.method === 'Venus.AcquireDeals' && Array.isArray(call.result))!
    const pieces = acquired.result as { DealInfo: Record<string, unknown> }[]
    const { IsBuiltinMarket: _, IsCompatible: __, ...deal } = pieces[0]!.DealInfo
    const assigned = z.decode(marketService.methods.AssignDeals.result, [deal as never])
    const info = z.encode(DealInfoV2, { ...assigned[0]!, IsBuiltinMarket: false, IsCompatible: false })
    expect(JSON.stringify(info)).to.equal(JSON.stringify(pieces[0]!.DealInfo))
  })

  it('reads an unseal request out of an event', () => {
    const request = {
      PieceCid: { '/': 'baga6ea4seaqdze2m6jmh3q4ba54gc73croxc6kx64zrgoo3cnpxmd7kmnm2iedy' },
      Miner: 't010000',
      Sid: 3,
      Offset: 0,
      Size: 2032,
      Dest: 'http://127.0.0.1:1/x',
    }
    const event = z.decode(RequestEvent, {
      Id: 'a',
      Method: 'SectorsUnsealPiece',
      Payload: Buffer.from(JSON.stringify(request)).toString('base64'),
    })
    const parsed = z.decode(UnsealRequest, JSON.parse(Buffer.from(event.Payload).toString()))
    expect(parsed.Miner.id).to.equal(10_000)
    expect(z.encode(UnsealRequest, parsed)).to.deep.equal(request)
  })
})
