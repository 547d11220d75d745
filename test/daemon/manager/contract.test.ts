import { expect } from 'chai'
import { WebSocket } from 'ws'
import { managerService } from '../../../rpc-schema/manager/index.js'
import { eventually } from '../../harness/eventually.js'
import { type RecordedCall, vectorLines } from '../../rpc-schema/rpc/recorded-calls.js'
import { ManagerBench } from './manager-bench.js'

interface Answer {
  jsonrpc: string
  id: unknown
  result?: unknown
  error?: { code: number; message: string }
}

/** Null where the other has a value is not told apart: what a worker sees as null depends on the moment. */
function shape(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? [] : [shape(value[0])]
  if (typeof value !== 'object' || value === null) return typeof value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shape(inner)]))
}

function expectSameShape(actual: unknown, recorded: unknown, path: string): void {
  if (actual === null || recorded === null) return
  expect(typeof actual, path).to.equal(typeof recorded)
  if (typeof actual !== 'object') return
  if (Array.isArray(recorded)) {
    if (Array.isArray(actual) && actual.length > 0 && recorded.length > 0)
      expectSameShape(actual[0], recorded[0], `${path}[0]`)
    return
  }
  expect(Object.keys(actual as object), `keys of ${path}, in their order`).to.deep.equal(
    Object.keys(recorded as object),
  )
  for (const [key, value] of Object.entries(recorded as object))
    expectSameShape((actual as Record<string, unknown>)[key], value, `${path}.${key}`)
}

const PIECE = 'baga6ea4seaqdsvqopmj2soyhujb72jza76t4wpq5fzifvm3ctz47iyytkewnubq'

describe('manager: the contract', function () {
  this.timeout(60_000)
  let bench: ManagerBench
  let url: string

  before(async () => {
    bench = await new ManagerBench({ miner: 10_000, storeName: 'persist1', deals: true }).start()
    url = `http://${bench.manager.address}/rpc/v0`
    await bench.admin.ImportDeal({ Miner: 10_000, Data: new Uint8Array(2000).fill(1) })
  })
  after(() => bench?.stop())

  const post = (body: string, path = '/rpc/v0'): Promise<Response> =>
    fetch(`http://${bench.manager.address}${path}`, { method: 'POST', body })
  const call = async (method: string, params: unknown): Promise<Answer & { status: number }> => {
    const response = await post(JSON.stringify({ jsonrpc: '2.0', id: 7, method, params }))
    return { status: response.status, ...((await response.json()) as Answer) }
  }

  it('answers the conversation that a real worker had with the real manager in the same shapes', async () => {
    const recorded = (vectorLines('rpc/worker-to-manager.jsonl') as (RecordedCall & { peer: string })[]).filter(
      ({ peer, params }) => peer === 'real' && !JSON.stringify(params).includes('"Number":2'),
    )
    const methods = new Set<string>()
    const allocated = await call('Venus.AllocateSector', [{ AllowedMiners: [], AllowedProofTypes: [5, 10, 15] }])
    expect(allocated.result).to.deep.equal({ ID: { Miner: 10_000, Number: 1 }, ProofType: 5 })
    let ticket: unknown
    for (const { method, params, result, tag } of recorded) {
      if (method === 'Venus.AllocateSector') continue
      if (method === 'Venus.SubmitPersistedEx') bench.writeFiles({ Miner: 10_000, Number: 1 }, 5)
      const [first, info, ...rest] = params
      const sent =
        method === 'Venus.SubmitPreCommit' ? [first, { ...(info as object), Ticket: ticket }, ...rest] : params
      const wanted = result as { State?: number; ShouldWait?: boolean; Res?: number } | null
      const settled = await eventually(`${tag} ${method} as it was recorded`, 20_000, async () => {
        const answer = await call(method, sent)
        expect(answer.error, `${tag} ${method}`).to.equal(undefined)
        const got = answer.result as typeof wanted
        const isLanded = wanted?.State === 3 ? got?.State === 3 : true
        const isSeed = wanted?.ShouldWait === false ? got?.ShouldWait === false : true
        return isLanded && isSeed ? answer : undefined
      })
      expect(settled.status).to.equal(200)
      expectSameShape(settled.result, result, `${tag} ${method}`)
      if (wanted?.Res !== undefined) expect((settled.result as typeof wanted).Res, tag).to.equal(wanted.Res)
      if (method === 'Venus.AssignTicket') ticket = settled.result
      methods.add(method)
    }
    expect([...methods].sort()).to.include.members(['Venus.SubmitPreCommit', 'Venus.SubmitProof', 'Venus.WaitSeed'])
    expect(await call('Venus.ReportFinalized', [{ Miner: 10_000, Number: 1 }])).to.deep.include({ result: null })
  })

  it('error 11001 where a sector is not online, and only there', async () => {
    const nobody = { Miner: 10_000, Number: 999 }
    const report = {
      Worker: { Instance: 'w', Location: '/' },
      StateChange: { Prev: 'a', Next: 'b', Event: 'None' },
      Failure: null,
    }
    const commitment = Array(32).fill(0)
    const ticket = { Ticket: Buffer.alloc(32).toString('base64'), Epoch: 1 }
    const CALLS: Record<string, unknown[]> = {
      AcquireDeals: [nobody, {}],
      AssignTicket: [nobody],
      SubmitPreCommit: [{ ID: nobody, ProofType: 5 }, { CommR: commitment, CommD: commitment, Ticket: ticket }, false],
      PollPreCommitState: [nobody],
      SubmitPersisted: [nobody, 'persist1'],
      SubmitPersistedEx: [nobody, 'persist1', false],
      SubmitProof: [nobody, { Proof: 'AAAA' }, false],
      PollProofState: [nobody],
      ReportState: [nobody, report],
      ReportFinalized: [nobody],
      ReportAborted: [nobody, 'x'],
      StoreReserveSpace: [nobody, 1, null],
    }
    for (const [method, params] of Object.entries(CALLS)) {
      const answer = await call(`Venus.${method}`, params)
      expect(answer.error, method).to.deep.equal({ code: 11001, message: 'error code 11001: sector state not found' })
      expect(answer.status, method).to.equal(200)
    }
    const PLAIN: Record<string, [unknown[], string]> = {
      FindSector: [['offline', nobody], 'load state from offline: key not found'],
      FindSectorInAllStates: [[nobody], 'key not found'],
      RestoreSector: [[nobody, false], 'load from offline store: load state from offline: key not found'],
      FinalizeSector: [[nobody], 'sector {10000 999} for miner f010000 not found'],
      ListSectors: [['bad', 9], 'get iter for All: get iter: kv for worker state bad does not exist'],
      SectorIndexerFind: [['zzz', nobody], 'sector indexer of type zzz is not supported'],
      GetMinerConfig: [[77], 'config for miner actor 77 not found'],
      AchieveUnsealSector: [[nobody, { '/': PIECE }, ''], `achieve unseal info(10000-999-${PIECE}): task not found`],
      AcquireUnsealDest: [[nobody, { '/': PIECE }], `acquire unseal dest(10000-999-${PIECE}): task not found`],
      WorkerPing: [[{ Name: '', Dest: 'a' }], 'worker name is required'],
    }
    for (const [method, [params, message]] of Object.entries(PLAIN)) {
      const answer = await call(`Venus.${method}`, params)
      expect(answer.error, method).to.deep.equal({ code: 1, message })
    }
  })

  it('methods that are not served are not found, and say so', async () => {
    const answer = await call('Venus.WdPoStAllJobs', [])
    expect(answer.status).to.equal(500)
    expect(answer.error).to.deep.equal({
      code: -32601,
      message: "method 'Venus.WdPoStAllJobs' not found: it is served with --worker-prover",
    })
    expect((await call('Venus.AllocateSectorsBatch', [{}, 1])).error!.code).to.equal(-32601)
    expect((await call('venus.Version', [])).error!.code).to.equal(-32601)
  })

  it('broken requests get an error each, and nothing is written', async () => {
    const before = await call('Venus.ListSectors', ['online', 0])
    const BROKEN: readonly (readonly [body: string, status: number, code: number])[] = [
      ['', 400, -32600],
      ['{', 500, -32700],
      ['nonsense', 500, -32700],
      ['5', 500, -32600],
      ['{}', 500, -32600],
      ['{"id":1,"method":5}', 500, -32600],
      ['{"id":1,"method":"Venus.AssignTicket","params":{}}', 500, -32700],
      ['{"id":1,"method":"Venus.AssignTicket","params":[]}', 500, -32602],
      ['{"id":1,"method":"Venus.AssignTicket","params":[{"Miner":-1,"Number":0}]}', 500, -32700],
      ['{"id":1,"method":"Venus.AssignTicket","params":[{"Miner":1,"Number":0},1]}', 500, -32602],
      ['{"id":1,"method":"Venus.SubmitProof","params":[{"Miner":1,"Number":0},{"Proof":"?"},false]}', 500, -32700],
    ]
    for (const [body, status, code] of BROKEN) {
      const response = await post(body)
      expect(response.status, body).to.equal(status)
      expect(((await response.json()) as Answer).error!.code, body).to.equal(code)
    }
    expect(await call('Venus.ListSectors', ['online', 0])).to.deep.equal(before)
  })

  it('is lenient where Go is', async () => {
    const missing = await post('{"id":"a","method":"Venus.AllocateSector","params":[{"Unknown":1}]}')
    expect(await missing.json()).to.deep.include({
      id: 'a',
      result: { ID: { Miner: 10_000, Number: 2 }, ProofType: 5 },
    })
    const nothing = await post('{"jsonrpc":"2.0","id":1,"method":"Venus.Version"}')
    expect(((await nothing.json()) as Answer).result).to.equal('v0-test')
    const folded = await post('{"id":2,"method":"Venus.FindSectorInAllStates","params":[{"miner":10000,"NUMBER":2}]}')
    expect(((await folded.json()) as Answer).result, 'keys in any case').to.have.property('SectorType')
    const unlimited = await post(
      '{"id":3,"method":"Venus.AcquireDeals","params":[{"Miner":10000,"Number":2},{"MaxDeals":18446744073709551615}]}',
    )
    expect(((await unlimited.json()) as Answer).error, 'the largest limit there is').to.equal(undefined)
    const nobody = await post('{"id":null,"method":"Venus.Version"}')
    expect(await nobody.text(), 'a null id').to.equal('')
    const notification = await post('{"jsonrpc":"2.0","method":"Venus.Version","params":[]}')
    expect(await notification.text()).to.equal('')
  })

  it('serves WebSockets, health and metrics', async () => {
    const socket = new WebSocket(url.replace('http', 'ws'))
    await new Promise(resolve => socket.on('open', resolve))
    const answer = new Promise<string>(resolve => socket.on('message', data => resolve(data.toString())))
    socket.send('{"jsonrpc":"2.0","id":3,"method":"Venus.WorkerGetPingInfo","params":["nobody"]}')
    expect(JSON.parse(await answer)).to.deep.equal({ jsonrpc: '2.0', id: 3, result: null })
    socket.close()
    const health = await fetch(`http://${bench.manager.address}/healthcheck`)
    expect(await health.json()).to.deep.equal({ status: 'OK' })
    const metrics = await (await fetch(`http://${bench.manager.address}/metrics`)).text()
    expect(metrics).to.match(/^damocles_manager_new_sector\{miner="10000"\} \d+$/m)
    expect(metrics).to.match(/^damocles_manager_sector_commit\{miner="10000",exit_code="0"\} 1$/m)
    expect(metrics).to.match(/^damocles_manager_sectors\{store="offline"\} 1$/m)
  })

  it('tells of itself', async () => {
    const document = (await call('rpc.discover', [])).result as { methods: { name: string }[] }
    const names = document.methods.map(({ name }) => name)
    for (const name of Object.keys(managerService.methods)) expect(names).to.include(`Venus.${name}`)
    const config = (await call('Venus.GetMinerConfig', [10_000])).result as Record<string, unknown>
    const real = (vectorLines('rpc/manager.jsonl') as (RecordedCall & { peer?: string })[]).find(
      ({ method, result }) => method === 'Venus.GetMinerConfig' && result !== undefined,
    )
    expectSameShape(config, real!.result, 'GetMinerConfig')
    expect(shape(config)).to.have.property('Commitment')
    const info = await call('Venus.GetInfo', [10_000])
    expect(info.result).to.deep.include({ ID: 10_000, SectorSize: 2048, SealProofType: 5 })
  })
})
