import { expect } from 'chai'
import { METHODS } from '../../../rpc-schema/actors/actor-methods.js'
import { type SignedMessage, signedMessageCid } from '../../../rpc-schema/wire/message.js'
import { vectorLines } from '../../rpc-schema/rpc/recorded-calls.js'
import { DevnetUnderTest } from './devnet-under-test.js'

interface Sample {
  name: string
  request: { method: string; params?: unknown }
  response: { result?: unknown; error?: { code: number; message: string } }
}

const samples = vectorLines('lotus-samples/calls.jsonl') as Sample[]

/** Methods of a node that have nothing to do with sealing: the devnet says so. */
const UNSERVED = new Set(
  [
    'BeaconGetEntry',
    'MinerGetBaseInfo',
    'MpoolCheckPendingMessages',
    'NetAddrsListen',
    'NetPeers',
    'NodeStatus',
    'NoSuchMethod',
    'StateActorManifestCID',
    'StateReplay',
    'StateVMCirculatingSupplyInternal',
  ].map(name => `Filecoin.${name}`),
)

/** What the recorded network had and this one has not: deals, power, and text that a parser wrote. */
const OTHERWISE = new Set([
  'StateMarketStorageDeal',
  'StateMinerActiveSectors.genesis',
  'onboard.StateMinerActiveSectors',
  'err.no-token.write',
  'err.permission',
  'err.params-bad-address',
  'err.params-bad-tipset',
  'err.params-object',
  'err.params-wrong-type',
])

const kindOf = (value: unknown): string => (value === null ? 'null' : Array.isArray(value) ? 'list' : typeof value)

/** Where two values differ in shape: members, kinds, the kind of items. Null stands for any shape, as it does in Go. */
function shapeDifferences(found: unknown, expected: unknown, path = ''): string[] {
  if (found === null || expected === null) return []
  if (kindOf(found) !== kindOf(expected)) return [`${path}: ${kindOf(found)} instead of ${kindOf(expected)}`]
  if (Array.isArray(found)) {
    const model = (expected as unknown[])[0]
    return model === undefined ? [] : found.flatMap((item, at) => shapeDifferences(item, model, `${path}[${at}]`))
  }
  if (typeof found !== 'object') return []
  const [ours, theirs] = [found, expected as object].map(value => Object.keys(value)) as [string[], string[]]
  const names =
    ours.join() === theirs.join() ? [] : [`${path}: members ${ours.join(', ')} instead of ${theirs.join(', ')}`]
  return names.concat(
    theirs.flatMap(name =>
      shapeDifferences(
        (found as Record<string, unknown>)[name] ?? null,
        (expected as Record<string, unknown>)[name],
        `${path}.${name}`,
      ),
    ),
  )
}

describe('devnet: answers have the shapes of a real Lotus node', () => {
  let test: DevnetUnderTest
  /** Values of the recorded network, and what stands for them here. */
  let stand: Map<string, unknown>
  let special: Record<string, () => Promise<unknown[]> | unknown[]>

  before(async () => {
    // The recorded calls ask for epochs up to 1081, and for 1181 as one to come.
    test = await DevnetUnderTest.start({ startEpoch: 1080 })
    await test.preCommitted(0, 1, 2)
    await test.prove(test.proveParams([{ number: 0 }, { number: 1 }, { number: 2 }]))
    const landed = await test.admin.Messages({})
    const cidOf = (method: number) => ({ '/': landed.find(message => message.Method === method)!.Cid.toString() })
    const head = await test.node.ChainHead()
    const key = { '/': head.Cids[0]!.toString() }
    const worker = test.worker.toString('t')
    const { Deadline } = await test.node.StateSectorPartition(test.message().To, 0, [])
    const wire = async (signed: SignedMessage) =>
      (await test.raw({
        jsonrpc: '2.0',
        id: 1,
        method: 'Filecoin.WalletSignMessage',
        params: [worker, messageJson(signed)],
      }))!.result
    const messageJson = ({ Message: { Value, GasFeeCap, GasPremium, To, From, Params, ...rest } }: SignedMessage) => ({
      ...rest,
      To: To.toString('t'),
      From: From.toString('t'),
      Value: `${Value}`,
      GasFeeCap: `${GasFeeCap}`,
      GasPremium: `${GasPremium}`,
      Params: Params.length > 0 ? Buffer.from(Params).toString('base64') : null,
    })
    const send = { ...test.message({ To: test.client }), Value: 1n }
    const signed = async (changes: Partial<typeof send>) => {
      const estimated = await test.node.GasEstimateMessageGas(send, null, [])
      const Nonce = await test.node.MpoolGetNonce(test.worker)
      return wire({ Message: { ...estimated, Nonce, ...changes }, Signature: { Type: 1, Data: new Uint8Array() } })
    }
    stand = new Map<string, unknown>([
      ['t01000', 't01000'],
      ['t01006', 't01000'],
      ['t01005', 't0103'],
      ['t3vy3xa5bwtfpxquy7yo2uwdmjx42d4wlkrfdcdwr35ypk2nxdo7p3lmjt3g2swpud7xjl2hifjasevodyeslq', worker],
      [
        't3uzwjzsvcutuvpsfongi7i7zsoyj7texm7kes7jwg4ojrg2oniadsqgxdj57tygr7t7zxmi3qvk24eqxzm7aa',
        test.client.toString('t'),
      ],
      [
        'bafy2bzacechhogoikc2zwoti5o7q7q4b44ty25tob3vrjn3ofx4zrpncf3kvk',
        cidOf(METHODS.miner.PreCommitSectorBatch2)['/'],
      ],
      ['bafy2bzacebeb47lr35pdh4tbpilzyw3fsgsorjab3nr4u37dhlbbvmo7lpyys', key['/']],
    ])
    const pending = async () => {
      const pushed = await test.node.MpoolPushMessage(send, null)
      return { '/': signedMessageCid(pushed).toString() }
    }
    const search = (method: number, lookback: number) => [null, cidOf(method), lookback, true]
    const twice = async (changes: Partial<typeof send>) => {
      const first = (await signed({})) as object
      await test.raw({ jsonrpc: '2.0', id: 1, method: 'Filecoin.MpoolPush', params: [first] })
      const Nonce = (await test.node.MpoolGetNonce(test.worker)) - 1
      return [Object.keys(changes).length === 0 ? first : await signed({ Nonce, ...changes })]
    }
    special = {
      AuthVerify: async () => [new TextDecoder().decode(await test.node.AuthNew(['read', 'write', 'sign', 'admin']))],
      ChainGetTipSetByHeight: () => [test.height - 2, null],
      ChainGetTipSetAfterHeight: () => [test.height - 2, null],
      StateGetBeaconEntry: () => [test.height],
      'StateSearchMsg.pending': async () => [null, await pending(), 100, true],
      'MpoolPending.nonempty': async () => {
        await pending()
        return [null]
      },
      MpoolPush: async () => [await signed({})],
      'err.MpoolPush.again': () => twice({}),
      'err.MpoolPush.replace-underpriced': () => twice({ Value: 2n }),
      'err.MpoolPush.nonce-too-low': async () => [await signed({ Nonce: 0 })],
      'err.MpoolPush.gas-too-low': async () => [await signed({ GasLimit: 1 })],
      'err.MpoolPush.bad-signature': async () => {
        const good = (await signed({})) as { Message: object; Signature: object }
        return [{ ...good, Message: { ...good.Message, Value: '5' } }]
      },
      'StateMinerPartitions.genesis': () => ['t01000', Deadline, null],
      'StateMinerPartitions.own-empty': () => ['t01000', (Deadline + 20) % 48, null],
      'onboard.StateMinerPartitions.proven': () => ['t01000', Deadline, null],
      'onboard.StateMinerPartitions.unproven': () => ['t01000', Deadline, null],
      'onboard.ChainGetMessage.precommit': () => [cidOf(28)],
      'onboard.ChainGetMessage.provecommit3': () => [cidOf(34)],
      'onboard.ChainGetMessage.wdpost': () => [cidOf(34)],
      'onboard.StateWaitMsg.precommit': () => [cidOf(28), 1, -1, true],
      'onboard.StateWaitMsg.provecommit3': () => [cidOf(34), 0, -1, true],
      'onboard.StateSearchMsg.wdpost-first': () => search(34, -1),
      'onboard.StateSearchMsg.wdpost': () => search(34, -1),
      'onboard.StateSectorPreCommitInfo': async () => {
        await test.preCommit([test.preCommitInfo(77)])
        return ['t01000', 77, null]
      },
      'onboard.StateSectorPreCommitInfo.after': () => ['t01000', 2, null],
      'StateMinerSectorAllocated.false': () => ['t01000', 999, null],
      'StateSectorPartition.absent': () => ['t01000', 999, null],
      'StateSectorPreCommitInfo.absent': () => ['t01000', 999, null],
      'StateSearchMsg.lookback-too-short': async () => {
        await test.admin.Advance(3)
        return search(28, 1)
      },
      StateVerifiedClientStatus: () => [worker, null],
    }
  })
  after(() => test.stop())

  /** The recorded parameters, with what stands for their values here. */
  const replaced = (params: unknown): unknown =>
    JSON.parse(JSON.stringify(params ?? []), (_, value: unknown) =>
      stand.has(value as string) ? stand.get(value as string) : value,
    )

  for (const { name, request, response } of samples) {
    if (OTHERWISE.has(name)) continue
    it(name, async () => {
      const path = name === 'Version.v0' ? '/rpc/v0' : '/rpc/v1'
      const params = special[name] ? await special[name]() : replaced(request.params)
      const answer = await test.raw({ ...request, params }, path)
      if (UNSERVED.has(request.method)) {
        expect(answer.error?.code, JSON.stringify(answer).slice(0, 200)).to.equal(-32601)
        return
      }
      if (response.error !== undefined) {
        expect(answer.error?.code, JSON.stringify(answer).slice(0, 300)).to.equal(response.error.code)
        return
      }
      expect(answer.error, JSON.stringify(params)).to.equal(undefined)
      expect(shapeDifferences(answer.result, response.result)).to.deep.equal([])
      const bothNull = response.result === null && kindOf(answer.result) !== 'list'
      if (bothNull) expect(answer.result, 'null as recorded').to.equal(null)
    })
  }

  it('finds a difference where there is one', () => {
    expect(shapeDifferences({ a: 1, b: [{ c: 'x' }] }, { a: 1, b: [{ c: 'y' }] })).to.deep.equal([])
    expect(shapeDifferences({ b: 1, a: 1 }, { a: 1, b: 1 })).to.have.length(1)
    expect(shapeDifferences({ a: [{ c: 1 }] }, { a: [{ c: '1' }] })).to.have.length(1)
    expect(shapeDifferences({ a: 1 }, { a: 1, b: null })).to.have.length(1)
  })

  it('says in the node’s words what a sealing manager may look for', async () => {
    const words = async (method: string, ...params: unknown[]) =>
      (await test.raw({ jsonrpc: '2.0', id: 1, method: `Filecoin.${method}`, params })).error?.message
    const push = { ...test.message({ To: test.client }), Value: 10n ** 30n }
    expect(await words('StateMinerInfo', 't09999999', null)).to.equal('failed to load miner actor: actor not found')
    expect(await words('StateMinerInfo', 't0100', null)).to.equal(
      'failed to load miner actor state: actor code is not miner: account',
    )
    expect(await words('StateSectorPartition', 't01000', 999, null)).to.equal('sector 999 not due at any deadline')
    expect(await words('StateGetRandomnessFromTickets', 5, 1000, 'QwDoBw==', null)).to.equal(
      'loading tipset key: NewTipSet called with zero length array of blocks',
    )
    expect(await words('StateGetRandomnessFromBeacon', 6, 99_999, 'QwDoBw==', null)).to.equal(
      'getting beacon randomness: cannot draw randomness from the future',
    )
    await test.node.MpoolPushMessage(push, null).then(
      () => expect.fail('pushed without funds'),
      (error: Error) =>
        expect(error.message).to.match(
          /^GasEstimateMessageGas error: message execution failed \(exit=\[SysErrInsufficientFunds\(6\)\], vm error=\[message failed with backtrace:/,
        ),
    )
  })
})
