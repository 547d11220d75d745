import { expect } from 'chai'
import { TASK_STATE } from '../../../rpc-schema/gpuproxy/task.js'
import { onEachDatabase } from '../../harness/on-each-database.js'
import { c1out, ProxyUnderTest, proofFor, resource } from './proxy-under-test.js'

const failure = (promise: Promise<unknown>): Promise<Error & { code?: number }> =>
  promise.then(
    () => {
      throw new Error('it should have failed')
    },
    error => error,
  )

onEachDatabase('gpuproxy: the API of the original', database => {
  for (const where of ['fs', 'db'] as const) {
    describe(`${where === 'fs' ? 'S000-8 S000-10' : 'S000-9'}: with documents in the ${where}`, () => {
      let proxy: ProxyUnderTest

      beforeEach(async () => {
        const dsn = await database.fresh()
        const dir = where === 'db' ? { resourceDir: undefined } : {}
        proxy = await ProxyUnderTest.start({ ...(dsn !== ':memory:' && { dsn }), ...dir })
      })
      afterEach(() => proxy.stop())

      it('a task from its submission to its proof', async () => {
        const { proof } = proxy
        const id = await proof.AddTask('t01000', 'SectorId(7) MinerId(1000)', 0, resource(7))
        expect(await proof.AddTask('f01000', 'again', 0, resource(7)), 'the same').to.equal(id)
        const waiting = await proof.GetTask(id)
        expect(waiting).to.deep.include({
          id,
          miner: '01000',
          workerId: '',
          comment: 'SectorId(7) MinerId(1000)',
          state: TASK_STATE.init,
          startAt: 0,
          completeAt: 0,
        })
        expect(Buffer.from(await proof.GetResourceInfo(waiting.resourceId)).equals(resource(7))).to.equal(true)

        const given = await proof.FetchTodo('w1', [0])
        expect(given).to.deep.include({ id, state: TASK_STATE.running, workerId: 'w1' })
        expect((await failure(proof.FetchTodo('w2', null))).message).to.include(
          'RecordNotFound Error: no task to do for worker',
        )
        expect((await proof.FetchUncomplete('w1')).map(task => task.id)).to.deep.equal([id])
        await proof.RecordProof('w1', id, proofFor(7))
        await proof.RecordProof('w2', id, proofFor(8))
        const done = await proof.GetTask(id)
        expect(done.state).to.equal(TASK_STATE.completed)
        expect(Buffer.from(done.proof).equals(proofFor(7)), 'the first proof stays').to.equal(true)
        expect(done.workerId).to.equal('w1')
        expect((await failure(proof.GetResourceInfo(waiting.resourceId))).message).to.match(/^read file: /)
        expect(await proof.AddTask('t01000', '', 0, resource(7)), 'done already').to.equal(id)
        expect(proxy.resources, 'nothing is stored for a task that is done').to.deep.equal([])
      })

      it('S000-47 S000-48: an error stays until there is a proof, the document goes with it', async () => {
        const { proof, clock } = proxy
        const id = await proxy.add(3)
        const errors: string[] = []
        for (let attempt = 1; attempt <= 3; attempt++) {
          await proof.FetchTodo('w1', null)
          await proof.RecordError('w1', id, `gpu on fire ${attempt}`)
          errors.push(`${(await proof.GetTask(id)).errorMsg} in ${(await proof.GetTask(id)).state}`)
          clock.advance(600_000)
        }
        expect(errors).to.deep.equal(['gpu on fire 1 in 1', 'gpu on fire 2 in 1', 'gpu on fire 3 in 3'])
        await proof.UpdateStatusById([id, 'nobody'], TASK_STATE.init)
        expect((await proof.GetTask(id)).errorMsg, 'reset').to.equal('gpu on fire 3')
        await proof.FetchTodo('w1', null)
        await proof.RecordProof('w1', id, proofFor(3))
        expect(await proof.GetTask(id)).to.deep.include({ state: TASK_STATE.completed, errorMsg: '' })
        if (where === 'fs') expect(proxy.resources).to.deep.equal([])
      })

      it('a document that two miners need stays as long as one of them does', async () => {
        const one = await proxy.add(4, 't01000')
        await proxy.add(4, 't01001')
        await proxy.proof.FetchTodo('w1', null)
        await proxy.proof.RecordProof('w1', one, proofFor(4))
        const { resourceId } = await proxy.proof.GetTask(one)
        expect(Buffer.from(await proxy.proof.GetResourceInfo(resourceId)).equals(resource(4))).to.equal(true)
      })
    })
  }

  describe('lists and workers', () => {
    let proxy: ProxyUnderTest

    before(async () => {
      const dsn = await database.fresh()
      proxy = await ProxyUnderTest.start(dsn === ':memory:' ? {} : { dsn })
    })
    after(() => proxy.stop())

    it('S000-14: lists tasks of all states, or of some, or of a worker', async () => {
      const ids = []
      for (const sector of [1, 2, 3]) {
        ids.push(await proxy.add(sector))
        proxy.clock.advance(1_000)
      }
      const { id } = await proxy.proof.FetchTodo('w1', null)
      const list = async (worker: string | null, states: (0 | 1 | 2 | 3 | 4)[] | null) =>
        (await proxy.proof.ListTask(worker, states)).map(task => task.id)
      expect(await list(null, null)).to.deep.equal(ids.toReversed())
      expect(await list(null, [2])).to.deep.equal([id])
      expect(await list('w1', null)).to.deep.equal([id])
      expect(await list(null, [])).to.deep.equal([])
    })

    it('knows its workers', async () => {
      const { proof, clock } = proxy
      await proof.ReportWorkerInfo('w1', '127.0.0.1', 'C2')
      clock.advance(60_000)
      await proof.ReportWorkerInfo('w1', '127.0.0.1|10.0.0.1', 'C2')
      await proof.ReportWorkerInfo('w2', '127.0.0.2', '')
      const [, first] = await proof.ListWorker()
      expect(first).to.deep.include({ workerId: 'w1', ips: '127.0.0.1|10.0.0.1' })
      expect(first!.updateAt - first!.createAt).to.equal(60)
      clock.advance(30_000)
      await proof.ReportWorkerInfo('w2', '127.0.0.2', '')
      expect((await proof.GetOfflineWorker(20)).map(worker => worker.workerId)).to.deep.equal(['w1'])
      expect(await proof.GetWorkerById(first!.id)).to.deep.equal(first)
      expect((await failure(proof.GetWorkerById('nope'))).message).to.include('not found nope')
      expect((await failure(proof.GetWorkerByWorkerId('nope'))).message).to.include('not found nopeworker id')
      await proof.DeleteWorkerByWorkerId('w1')
      await proof.DeleteWorkerById('nope')
      expect((await proof.ListWorker()).map(worker => worker.workerId)).to.deep.equal(['w2'])
    })
  })
})

describe('gpuproxy: the wire of the original', () => {
  let proxy: ProxyUnderTest
  before(async () => {
    proxy = await ProxyUnderTest.start()
  })
  after(() => proxy.stop())

  const call = async (method: string, params: unknown) => {
    const { status, text } = await proxy.post(
      JSON.stringify({ jsonrpc: '2.0', id: 7, method: `Proof.${method}`, params }),
    )
    expect(status).to.equal(200)
    return JSON.parse(text) as { result?: unknown; error?: { code: number; message: string } }
  }
  const base64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64')

  it('answers in its order and type, with the proof as numbers', async () => {
    const id = await proxy.add(1)
    await proxy.proof.FetchTodo('w1', null)
    await proxy.proof.RecordProof('w1', id, proofFor(1))
    const { text, type } = await proxy.post(
      JSON.stringify({ jsonrpc: '2.0', id: 'x', method: 'Proof.GetTask', params: { id } }),
    )
    expect(type).to.equal('application/json; charset=utf-8')
    expect(text.startsWith(`{"jsonrpc":"2.0","result":{"id":"${id}","miner":"01000","resourceId":"`)).to.equal(true)
    expect(text).to.include(
      `"proof":[${Array(192).fill(1)}],"workerId":"w1","taskType":0,"errorMsg":"","comment":"sector 1","state":4,"createAt":`,
    )
    expect(text.endsWith(',"id":"x"}')).to.equal(true)
  })

  const REFUSED: readonly (readonly [what: string, method: string, params: unknown, code: number, message: RegExp])[] =
    [
      ['a task that is not there', 'GetTask', ['nope'], -32000, /^not found nope$/],
      ['no task to give', 'FetchTodo', ['w9', null], -32000, /^RecordNotFound Error: no task to do for worker$/],
      [
        'an address of no network',
        'SubmitC2Task',
        [base64(c1out()), 'x01000', '', Array(32).fill(0), 3],
        -32602,
        /^Unknown address network$/,
      ],
      ['what is not base64', 'SubmitC2Task', ['***', 't01000', '', Array(32).fill(0), 3], -32602, /^not base64$/],
      [
        'what is not the output of C1',
        'SubmitC2Task',
        ['e30=', 't01000', '', Array(32).fill(0), 3],
        -32602,
        /^missing field `registered_proof`/,
      ],
      ['too few parameters', 'SubmitC2Task', [base64(c1out()), 't01000'], -32602, /^No more params$/],
      [
        'an unknown type',
        'AddTask',
        ['t01000', '', 9, resource(1).toString('base64')],
        -32602,
        /^invalid value: 9, expected 0$/,
      ],
      ['a document that is not there', 'GetResourceInfo', ['nope'], -32000, /^read file: .*nope$/],
      ['a way out of the directory', 'GetResourceInfo', ['../gpuproxy.db'], -32000, /^read file: /],
      ['a proof of no task', 'RecordProof', ['w1', 'nope', 'BwcH'], -32000, /^not found nope$/],
      ['a state that only workers bring', 'UpdateStatusById', [['x'], 4], -32000, /by its worker only/],
    ]
  for (const [what, method, params, code, message] of REFUSED) {
    it(`refuses ${what}`, async () => {
      const { error } = await call(method, params)
      expect(error?.code).to.equal(code)
      expect(error?.message).to.match(message)
    })
  }

  it('takes the output of C1 alone, in any order of its members', async () => {
    const { vanilla_proofs, ...rest } = c1out(9)
    const first = await call('SubmitC2Task', [base64(c1out(9)), 't01000', 'c', Array(32).fill(0), 3])
    const second = await call('SubmitC2Task', [
      base64({ ...rest, vanilla_proofs }),
      't01000',
      'd',
      Array(32).fill(0),
      3,
    ])
    expect(first.result).to.match(/^[0-9a-f-]{36}$/)
    expect(second.result).to.equal(first.result)
  })

  it('takes a task without a comment, as older plugins send it', async () => {
    const { result } = await call('AddTask', ['t01000', 0, resource(77).toString('base64')])
    expect((await proxy.proof.GetTask(String(result))).comment).to.equal('')
  })

  it('answers what is not a request as the original does', async () => {
    const answer = async (body: string, headers?: Record<string, string>) => proxy.post(body, headers)
    expect(await answer('{')).to.deep.include({
      status: 200,
      text: '{"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error"},"id":null}',
    })
    expect((await answer(' {}')).status).to.equal(400)
    expect((await answer('[]')).text).to.equal(
      '{"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid request"},"id":null}',
    )
    expect((await answer('{"jsonrpc":"2.0","id":1,"method":"Proof.ListWorker","meta":1}')).text).to.include('-32600')
    expect((await answer('{"jsonrpc":"2.0","id":38,"method":"Proof.Nope","params":[]}')).text).to.equal(
      '{"jsonrpc":"2.0","error":{"code":-32601,"message":"Method not found"},"id":38}',
    )
    expect(await answer('{"jsonrpc":"2.0","method":"Proof.ListWorker","params":[]}')).to.deep.include({
      status: 200,
      text: '',
    })
    expect((await answer('{}', { 'content-type': 'text/plain' })).status).to.equal(415)
    expect((await fetch(proxy.url)).status).to.equal(405)
    const batch = [
      { jsonrpc: '2.0', id: 1, method: 'Proof.GetOfflineWorker', params: [0] },
      { jsonrpc: '2.0', id: 2, method: 'Proof.GetTask', params: ['x'] },
    ]
    expect((await answer(JSON.stringify(batch))).text).to.equal(
      '[{"jsonrpc":"2.0","result":[],"id":1},{"jsonrpc":"2.0","error":{"code":-32000,"message":"not found x"},"id":2}]',
    )
  })

  it('serves its metrics', async () => {
    const text = await (await fetch(`${proxy.url}/metrics`)).text()
    expect(text).to.include('gpuproxy_tasks{state="done"} 1')
    expect(text).to.include('gpuproxy_worker_tasks{worker="w1",outcome="proven"} 1')
  })
})
