import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { expect } from 'chai'
import fc from 'fast-check'
import knex, { type Knex } from 'knex'
import { managerHome } from '../../../daemon/manager/config/home.js'
import { managerService } from '../../../rpc-schema/manager/index.js'
import { type RecordedCall, vectorLines } from '../../rpc-schema/rpc/recorded-calls.js'
import { ManagerBench } from './manager-bench.js'

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/** Of `FUZZ_SEED`, else one of now: printed, so that a failure can be had again. */
const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31)
const RUNS_PER_METHOD = Number(process.env.FUZZ_RUNS ?? 6)
/** No request may take longer, on a busy machine. */
const LIMIT_MS = 10_000
/** A ping may be kept in memory for a moment, and what was accepted is written then. */
const WRITTEN_LATER: ReadonlySet<string> = new Set(['worker_pings'])

const nested = (depth: number): Json => Array.from({ length: depth }).reduce<Json>(inner => [inner], 0)

const JUNK: readonly Json[] = [
  null,
  true,
  -1,
  0,
  1.5,
  2 ** 53,
  1e308,
  -1e308,
  '',
  'online',
  '\u0000\ud800\u202e',
  'x'.repeat(20_000),
  "'; DROP TABLE sectors; --",
  '../../../../etc/passwd',
  [],
  {},
  [[[]]],
  nested(1_000),
  { '/': 5 },
  { '/': 'bafy' },
  { Miner: 1000 },
  { Miner: 1000, Number: 1 },
  { Miner: 77, Number: 1e15 },
  JSON.parse('{"__proto__":{"Miner":1},"constructor":{"prototype":1}}') as Json,
  Array<number>(33).fill(256),
]

interface Mutation {
  readonly kind: 'replace' | 'remove' | 'append' | 'repeat'
  readonly at: number
  readonly junk: number
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.constantFrom('replace', 'replace', 'replace', 'remove', 'append', 'repeat'),
  at: fc.nat(),
  junk: fc.nat(JUNK.length - 1),
})

/** Every place inside a value, as the holder and the key in it. */
function places(value: Json, found: [Json[] | { [key: string]: Json }, string | number][] = []): typeof found {
  if (typeof value !== 'object' || value === null) return found
  const keys = Array.isArray(value) ? value.keys() : Object.keys(value)
  for (const key of keys) {
    found.push([value, key])
    places((value as Record<string | number, Json>)[key]!, found)
  }
  return found
}

function mutated(params: Json[], mutations: readonly Mutation[]): Json[] {
  const copy = structuredClone(params)
  for (const { kind, at, junk } of mutations) {
    const all = places(copy)
    const place = all[at % Math.max(1, all.length)]
    if (place === undefined || kind === 'append') {
      copy.push(structuredClone(JUNK[junk]!))
      continue
    }
    const [holder, key] = place as [Record<string | number, Json>, string | number]
    if (kind === 'replace') holder[key] = structuredClone(JUNK[junk]!)
    else if (kind === 'repeat') holder[key] = [holder[key]!, holder[key]!]
    else if (Array.isArray(holder)) holder.splice(key as number, 1)
    else delete holder[key]
  }
  return copy
}

describe('manager: fuzzed requests', function () {
  this.timeout(180_000)
  let bench: ManagerBench
  let database: Knex
  const recorded = new Map<string, Json[][]>()

  before(async () => {
    process.stdout.write(`      FUZZ_SEED=${SEED}\n`)
    for (const { method, params } of vectorLines('rpc/manager.jsonl') as RecordedCall[]) {
      if (!Array.isArray(params)) continue
      recorded.set(method, [...(recorded.get(method) ?? []), params as Json[]])
    }
    bench = await new ManagerBench({ devnet: { manual: true }, miner: 10_000, storeName: 'persist1' }).start()
    await bench.sealed()
    const { sid } = await bench.sealed()
    await bench.api.ReportAborted(sid, 'for the offline store')
    const home = managerHome({ home: join(bench.dir, 'manager') }, {})
    database = knex({
      client: 'better-sqlite3',
      connection: { filename: home.databaseFile },
      useNullAsDefault: true,
    })
  })
  after(async () => {
    await database?.destroy()
    await bench?.stop()
  })

  /** Everything that the manager has written, and the messages of the chain, as one hash for each table. */
  async function state(): Promise<Record<string, string>> {
    const tables: { name: string }[] = await database('sqlite_master')
      .where({ type: 'table' })
      .whereNot('name', 'like', 'sqlite_%')
      .orderBy('name')
      .select('name')
    const hashes: Record<string, string> = {}
    for (const { name } of tables) {
      if (WRITTEN_LATER.has(name)) continue
      const rows: unknown = await database(name).select()
      hashes[name] = createHash('sha256').update(JSON.stringify(rows)).digest('hex')
    }
    const { Pending, Height } = await bench.admin.Status()
    return { ...hashes, chain: `${Height} ${Pending}` }
  }

  async function send(body: string): Promise<{ isError: boolean; text: string }> {
    const response = await fetch(`http://${bench.manager.address}/rpc/v0`, {
      method: 'POST',
      body,
      signal: AbortSignal.timeout(LIMIT_MS),
    })
    const text = await response.text()
    expect([200, 400, 413, 500], text.slice(0, 200)).to.include(response.status)
    const frame = text === '' ? undefined : (JSON.parse(text) as { error?: { code: number; message: string } })
    if (frame?.error) {
      expect(frame.error.code).to.be.a('number')
      expect(frame.error.message, body.slice(0, 300)).to.be.a('string').and.not.equal('')
      expect(frame.error.message.length, 'a message for people').to.be.lessThan(5_000)
      // What only a bug says.
      expect(frame.error.message, body.slice(0, 300)).to.not.match(
        /Cannot read propert|is not a function|is not iterable|Maximum call stack|undefined is not|SQLITE_|SqliteError/,
      )
    }
    return { isError: frame?.error !== undefined, text }
  }

  async function expectNothingWrittenOnError(body: string): Promise<void> {
    const before = await state()
    const { isError, text } = await send(body)
    if (isError) expect(await state(), `${body.slice(0, 500)}\n${text.slice(0, 300)}`).to.deep.equal(before)
  }

  for (const name of Object.keys(managerService.methods)) {
    const method = `Venus.${name}`
    it(method, async () => {
      const samples = recorded.get(method) ?? [[]]
      await fc.assert(
        fc.asyncProperty(
          fc.nat(samples.length - 1),
          fc.array(mutation, { minLength: 1, maxLength: 4 }),
          async (sample, mutations) => {
            const params = mutated(samples[sample]!, mutations)
            await expectNothingWrittenOnError(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }))
          },
        ),
        { seed: SEED, numRuns: RUNS_PER_METHOD, endOnFailure: true },
      )
    })
  }

  it('frames that are none: cut, doubled, of other types', async () => {
    const whole = '{"jsonrpc":"2.0","id":1,"method":"Venus.WorkerPing","params":[{"Name":"","Dest":""}]}'
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.nat(whole.length).map(length => whole.slice(0, length)),
          fc.json({ maxDepth: 4 }),
          fc.string({ maxLength: 200 }),
          fc
            .record({ id: fc.jsonValue(), method: fc.jsonValue(), params: fc.jsonValue() })
            .map(frame => JSON.stringify(frame)),
        ),
        expectNothingWrittenOnError,
      ),
      { seed: SEED, numRuns: 60, endOnFailure: true },
    )
  })

  it('is alive after all of it', async () => {
    expect(await bench.api.Version()).to.equal('v0-test')
    const { text } = await send('{"id":1,"method":"Venus.FindSector","params":["online",{"Miner":10000,"Number":1}]}')
    expect(text).to.include('"SectorType":5')
  })
})
