import { expect } from 'chai'
import fc from 'fast-check'
import { gpuProxyService, proofService } from '../../../rpc-schema/gpuproxy/index.js'
import { c1out, ProxyUnderTest, proofFor, resource } from './proxy-under-test.js'

const METHODS = [proofService, gpuProxyService].flatMap(({ namespace, methods }) =>
  Object.keys(methods).map(name => `${namespace}.${name}`),
)
const RUNS = 400

/** What callers send who are of another version, of another mind, or broken. */
const anything = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom('t01000', 'f0', 't01000x', '../../etc/passwd', '\u0000', '💣', '-1', 'e30='),
  fc.constantFrom(-1, 0, 1, 4, 9, 1e308, 2 ** 53, 0.5, null),
  fc.constantFrom([], {}, [[]], [null], { prover_id: [], sector_id: -1, c1out: {} }),
  fc.constantFrom(c1out(), { ...c1out(), comm_r: [256] }, { ...c1out(), vanilla_proofs: 7 }),
)

describe('gpuproxy: callers who send anything', function () {
  this.timeout(60_000)
  let proxy: ProxyUnderTest
  let untouched: unknown
  const state = async () => {
    const { tasks } = await proxy.lease.Tasks({ states: null, miners: null, workers: null }, null, 1000)
    return { tasks: tasks.map(({ leaseUntil: _, ...task }) => task), resources: proxy.resources }
  }

  before(async () => {
    proxy = await ProxyUnderTest.start()
    // One that failed and one that is done: a caller who may have them is given none.
    const parked = await proxy.add(501)
    await proxy.proof.UpdateStatusById([parked], 3)
    const done = await proxy.add(502)
    await proxy.proof.FetchTodo('w1', null)
    await proxy.proof.RecordProof('w1', done, proofFor(502))
    untouched = await state()
  })
  after(() => proxy.stop())

  const answerTo = async (body: string) => {
    const { status, text } = await proxy.post(body)
    expect(status).to.be.oneOf([200, 400])
    return text === '' ? undefined : JSON.parse(text)
  }

  it('every method answers every parameter, and nothing is changed by what is not valid', async () => {
    const parameters = fc.oneof(fc.array(anything, { maxLength: 6 }), fc.dictionary(fc.string(), anything), anything)
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...METHODS), parameters, async (method, params) => {
        const answer = await answerTo(JSON.stringify({ jsonrpc: '2.0', id: 7, method, params }))
        expect(answer.id).to.equal(7)
        expect('result' in answer).to.not.equal('error' in answer)
        if (answer.error) expect(answer.error.message).to.be.a('string').and.not.equal('')
      }),
      { numRuns: RUNS },
    )
    expect(await state()).to.deep.equal(untouched)
  })

  it('so does what is no request', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.string().map(text => `{${text}`),
          fc.jsonValue().map(value => JSON.stringify({ jsonrpc: '2.0', id: 1, ...(value as object) })),
          fc.array(fc.jsonValue(), { maxLength: 4 }).map(values => JSON.stringify(values)),
        ),
        async body => {
          await answerTo(body)
        },
      ),
      { numRuns: RUNS },
    )
    expect(await state()).to.deep.equal(untouched)
  })

  it('a document in which anything is changed is refused, or is another task', async () => {
    const whole = JSON.parse(resource(3).toString()) as Record<string, unknown>
    const paths = [...Object.keys(whole), ...Object.keys(c1out()).map(name => `c1out.${name}`)].filter(
      path => path !== 'miner_id',
    )
    const known = (await state()).tasks.map(({ id }) => id)
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...paths), anything, async (path, value) => {
        const document = structuredClone(whole)
        const [outer, inner] = path.split('.') as [string, string | undefined]
        if (inner === undefined) document[outer] = value
        else (document[outer] as Record<string, unknown>)[inner] = value
        const param = Buffer.from(JSON.stringify(document)).toString('base64')
        const answer = await answerTo(
          JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'Proof.AddTask', params: ['t01000', '', 0, param] }),
        )
        if (answer.error) {
          expect(answer.error.code).to.equal(-32602)
          return
        }
        expect(known).to.not.include(answer.result)
        await proxy.lease.RemoveTasks([answer.result])
      }),
      { numRuns: RUNS },
    )
    expect(await state()).to.deep.equal(untouched)
  })
})
