import { expect } from 'chai'
import { managerService } from '../../../rpc-schema/manager/index.js'
import { zeroPieceCommitment } from '../../../rpc-schema/wire/piece.js'
import { eventually } from '../../harness/eventually.js'
import { vectorLines } from '../../rpc-schema/rpc/recorded-calls.js'
import { ManagerBench, SECTOR_SIZE } from './manager-bench.js'

/** One request to the real damocles-manager with its answer, byte for byte. */
interface Exchange {
  readonly tag: string
  readonly verb: string
  readonly path: string
  readonly request: string | null
  readonly status: number
  readonly response: string
}

interface Frame {
  jsonrpc: string
  result?: unknown
  id?: unknown
  error?: { code: number; message: string }
}

const MINER = 10_000
/** What passes through the calls before one is as it was recorded, at most. */
const LIMIT_MS = 20_000

/**
 * Where our answer is another than the recorded one, and why. `status` and `code`: what it is instead (`code` null: no error). `anyResult`: the shape
 * is not compared, since it depends on what only the recorded manager had. `skip`: not sent.
 */
interface Deviation {
  readonly why: string
  readonly status?: number
  readonly code?: number | null
  readonly anyResult?: true
  readonly skip?: true
}

const DEVIATIONS: Readonly<Record<string, Deviation>> = {
  'SubmitPersisted/files-missing': { why: 'false, as the method promises', code: null, anyResult: true },
  'SubmitPersistedEx/unknown-store': { why: 'the text of the error is ours', code: 1 },
  'proto/id-object': { why: 'an error with a text instead of an empty body', status: 500, code: -32600 },
  'proto/batch': { why: 'batches are answered', status: 200, code: null, anyResult: true },
  'proto/not-json': { why: 'an error with a text instead of an empty body', status: 500, code: -32700 },
  'proto/empty-body': { why: 'an error with a text instead of an empty body', status: 400, code: -32600 },
  'proto/truncated-json': { why: 'an error with a text instead of an empty body', status: 500, code: -32700 },
  'proto/big-uint': { why: 'sector numbers beyond 2^53 are refused rather than rounded', status: 500, code: -32700 },
  'http/options': { why: 'an error with a text instead of an empty body', status: 400, code: -32600 },
  'http/debug-pprof': { why: 'there is no Go runtime to look into', status: 404 },
  'http/debug-vars': { why: 'there is no Go runtime to look into', status: 404 },
  'http/metrics': { why: 'compared by name in another test', anyResult: true },
  'http/piecestore': { why: 'the market of this bench is on, so the piece store is, too', skip: true },
  'CheckProvable/unknown-sector+stateCheck': { why: 'it ended the recorded process', skip: true },
  'Version/after-crash': { why: 'it was not answered', skip: true },
  TerminateSector: { why: 'without Senders the worker sends', code: null, anyResult: true },
  'TerminateSector/again': { why: 'without Senders the worker sends', code: null, anyResult: true },
  PollTerminateSectorState: { why: 'without Senders the worker sends', code: null, anyResult: true },
  'http/get': { why: 'an error with a text instead of an empty body', status: 400, code: -32600 },
  'http/get-with-body': { why: 'GET is refused, with or without a body', skip: true },
  AcquireUnsealDest: { why: 'an error instead of a panic', status: 200, code: 1 },
  'ProvingSectorInfo/unknown': { why: 'an error instead of a panic', status: 200, code: 1 },
}

/** All methods of the real manager, by its own list. */
const REFERENCE = `
  AchieveUnsealSector AcquireDeals AcquireUnsealDest AllocateRebuildSector AllocateSanpUpSector AllocateSector
  AllocateUnsealSector AssignTicket CheckProvable FinalizeSector FindSector FindSectorInAllStates
  FindSectorWithPiece FindSectorsWithDeal GetInfo GetMinerConfig GetSeed GetTicket GetWindowPoStChanlleengeRand
  GetWindowPoStCommitRand ImportSector ListSectors PollPreCommitState PollProofState PollTerminateSectorState
  ProvingSectorInfo RemoveSector ReportAborted ReportFinalized ReportState RestoreSector SectorIndexerFind
  SectorSetForRebuild SimulateWdPoSt SnapUpCancelCommitment SnapUpCandidates SnapUpPreFetch StoreBasicInfo
  StoreList StoreReleaseReserved StoreReserveSpace SubmitPersisted SubmitPersistedEx SubmitPreCommit SubmitProof
  SubmitSnapUpProof TerminateSector UnsealPiece Version WaitSeed WdPoStAllJobs WdPoStAllocateJobs WdPoStFinishJob
  WdPoStHeartbeatJobs WdPoStRemoveJob WdPoStResetJob WorkerGetPingInfo WorkerPing WorkerPingInfoList
  WorkerPingInfoRemove
`
  .trim()
  .split(/\s+/)

/** What is disabled by configuration here, and how that is said. Whatever else is not served fails this test. */
const DISABLED: Readonly<Record<string, string>> = Object.fromEntries(
  REFERENCE.filter(name => name.startsWith('WdPoSt')).map(name => [
    `Venus.${name}`,
    `method 'Venus.${name}' not found: it is served with --worker-prover`,
  ]),
)

const exchanges = (vectorLines('rpc/manager-raw.jsonl') as Exchange[]).filter(({ tag }) => !DEVIATIONS[tag]?.skip)

function parsed(text: string): Frame | undefined {
  try {
    return JSON.parse(text) as Frame
  } catch {
    return undefined
  }
}

/** The same keys in the same order, at every depth; null where the other has a value depends on the moment. */
function expectSameShape(actual: unknown, recorded: unknown, path: string): void {
  if (actual === null || recorded === null || actual === undefined || recorded === undefined) return
  expect(Array.isArray(actual) ? 'array' : typeof actual, path).to.equal(
    Array.isArray(recorded) ? 'array' : typeof recorded,
  )
  if (typeof actual !== 'object') return
  if (Array.isArray(recorded)) {
    const [first] = actual as unknown[]
    if (first !== undefined && recorded.length > 0) expectSameShape(first, recorded[0], `${path}[0]`)
    return
  }
  const optional = new Set(['Ticket', 'Seed', 'Pre', 'Proof', 'LatestState'])
  const keys = (value: object): string[] => Object.keys(value).filter(key => !optional.has(key))
  const isFree = Object.keys(recorded).every(key => /^\d+$/.test(key)) || path.endsWith('.Meta')
  if (isFree) return
  expect(keys(actual as object), `keys of ${path}, in their order`).to.deep.equal(keys(recorded as object))
  for (const [key, value] of Object.entries(recorded as object))
    expectSameShape((actual as Record<string, unknown>)[key], value, `${path}.${key}`)
}

describe('manager: every recorded exchange with the real manager', function () {
  this.timeout(120_000)
  let bench: ManagerBench
  /** The ticket that this manager gave instead of the recorded one. */
  let ticket: unknown
  /** What the answer was for those methods that are not served. */
  const unserved = new Map<string, string>()

  before(async () => {
    bench = await new ManagerBench({ miner: MINER, storeName: 'persist1' }).start()
  })
  after(() => bench?.stop())

  async function send({ tag, verb, path, request }: Exchange): Promise<{ status: number; text: string; type: string }> {
    const body = request === null ? undefined : asItMustBeHere(tag, request)
    // fetch sends no body with GET: nothing that was recorded needs it.
    const response = await fetch(`http://${bench.manager.address}${path}`, {
      method: verb,
      ...(body !== undefined && verb !== 'GET' && { body }),
      redirect: 'manual',
    })
    return {
      status: response.status,
      text: await response.text(),
      type: response.headers.get('content-type') ?? '',
    }
  }

  /** The ticket is ours, comm_d is checked for every sector, and the verifier of the bench refuses a proof that begins with a zero. */
  function asItMustBeHere(tag: string, request: string): string {
    if (tag.startsWith('SubmitProof')) return request.replace('"Proof": "AAAA', '"Proof": "AQAA')
    if (!tag.startsWith('SubmitPreCommit')) return request
    const frame = JSON.parse(request) as { params: [unknown, { Ticket: unknown; CommD: unknown }, unknown] }
    Object.assign(frame.params[1], { Ticket: ticket, CommD: [...zeroPieceCommitment(SECTOR_SIZE)] })
    return JSON.stringify(frame)
  }

  /** Polls until the answer is the recorded one where it takes its time. */
  async function settled(exchange: Exchange): Promise<{ status: number; text: string; type: string }> {
    const wanted = parsed(exchange.response)?.result as { State?: number; ShouldWait?: boolean } | null | undefined
    return eventually(`${exchange.tag} as it was recorded`, LIMIT_MS, async () => {
      const answer = await send(exchange)
      const got = parsed(answer.text)?.result as typeof wanted
      if (wanted?.State === 3 && got?.State !== 3) return undefined
      if (wanted?.ShouldWait === false && got?.ShouldWait !== false) return undefined
      return answer
    })
  }

  for (const exchange of exchanges) {
    const { tag, status, response, request } = exchange
    it(`${tag}`, async () => {
      if (tag === 'SubmitPersistedEx') bench.writeFiles({ Miner: MINER, Number: 2 }, 5)
      const deviation = DEVIATIONS[tag]
      const method = request === null ? undefined : (parsed(request) as { method?: string } | undefined)?.method
      const answer = await settled(exchange)
      const [got, recorded] = [parsed(answer.text), parsed(response)]
      const isUnknown = got?.error?.code === -32601 && recorded?.error?.code !== -32601
      if (isUnknown && method !== undefined && REFERENCE.includes(method.replace('Venus.', ''))) {
        expect(answer.status, 'of a method that is not served').to.equal(500)
        unserved.set(method, got?.error?.message ?? '')
        return
      }
      expect(answer.status, answer.text.slice(0, 300)).to.equal(deviation?.status ?? status)
      if (recorded === undefined && deviation?.code === undefined) return
      const code = deviation?.code === undefined ? recorded?.error?.code : (deviation.code ?? undefined)
      expect(got?.error?.code, answer.text.slice(0, 300)).to.equal(code)
      if (code === 11001) expect(got!.error!.message).to.equal(recorded!.error!.message)
      if (tag === 'AssignTicket') ticket = got!.result
      if (deviation?.anyResult || got === undefined || recorded === undefined || deviation?.code !== undefined) return
      expect(Object.keys(got), 'members of the frame').to.deep.equal(Object.keys(recorded))
      expect(got.id, 'id').to.deep.equal(recorded.id)
      expectSameShape(got.result, recorded.result, tag)
      const [ours, theirs] = [got.result, recorded.result] as ({ Res?: number; State?: number } | null | undefined)[]
      if (theirs?.Res !== undefined) expect(ours?.Res, tag).to.equal(theirs.Res)
      if (theirs === null) expect(ours, tag).to.satisfy((value: unknown) => value === null || typeof value === 'object')
    })
  }

  it('every method of the reference was asked for, and is served or disabled by configuration', () => {
    expect(Object.keys(managerService.methods)).to.have.members(REFERENCE)
    const asked = new Set(exchanges.map(({ request }) => (parsed(request ?? '') as { method?: string })?.method))
    for (const name of REFERENCE) expect(asked, name).to.include(`Venus.${name}`)
    for (const [method, message] of unserved) expect(message, method).to.equal(DISABLED[method])
  })
})
