import type { IncomingHttpHeaders } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { HttpServer } from '../../../../daemon/kit/http/http-server.js'
import { silentLog } from '../../../../daemon/kit/log.js'
import { bindPart, Dispatcher } from '../../../../daemon/kit/rpc/dispatcher.js'
import { RpcServer } from '../../../../daemon/kit/rpc/rpc-server.js'
import type { PreCommitOnChainInfo } from '../../../../rpc-schema/manager/commitment.js'
import type { SectorPieces } from '../../../../rpc-schema/manager/deals.js'
import { managerService } from '../../../../rpc-schema/manager/index.js'
import type { SectorRebuildInfo } from '../../../../rpc-schema/manager/rebuild.js'
import type { ReportStateReq, SectorState } from '../../../../rpc-schema/manager/sector-state.js'
import type { AllocatedSnapUpSector, SnapUpOnChainInfo } from '../../../../rpc-schema/manager/snapup.js'
import type { SectorUnsealInfo } from '../../../../rpc-schema/manager/unseal.js'
import { VANILLA_ROUTE } from '../../../../rpc-schema/manager/vanilla-chunk.js'
import type { WdPoStAllocatedJob, WindowPoStOutput } from '../../../../rpc-schema/manager/wdpost-job.js'
import { RpcError } from '../../../../rpc-schema/rpc/error.js'
import type { Handlers } from '../../../../rpc-schema/rpc/method.js'
import { toHex } from '../../../../rpc-schema/wire/bytes.js'
import { type SectorID, sectorName } from '../../../../rpc-schema/wire/sector-id.js'

type ManagerHandlers = Handlers<(typeof managerService)['methods']>
export type MethodName = keyof ManagerHandlers & string

export interface Call {
  readonly method: string
  // biome-ignore lint/suspicious/noExplicitAny: tests look into parameters of every method
  readonly params: any[]
}

/** What the manager knows of one sector. */
export interface ManagerSector {
  readonly id: SectorID
  pre?: string
  proof?: string
  /** Every message put on the way, in order: what must happen once. */
  readonly preCommits: string[]
  readonly proofs: string[]
  readonly tickets: Uint8Array[]
  persisted?: string
  /** The files that were persisted are those of an upgrade. */
  persistedUpgrade?: boolean
  /** Every snap-up taken, as what it says and where the files are. */
  readonly snapUps: SnapUpOnChainInfo[]
  finalized: boolean
  abortReason?: string
  readonly reports: ReportStateReq[]
}

export interface FinishedJob {
  readonly id: string
  readonly output: WindowPoStOutput | null
  readonly reason: string
}

const MINER = 10_000

/** A record that says nothing. */
const EMPTY_RECORD: Omit<SectorState, 'ID'> = {
  SectorType: 5,
  Deals: null,
  Pieces: null,
  MessageInfo: { PreCommitCid: null, CommitCid: null, NeedSend: false },
  TerminateInfo: { TerminateCid: null, TerminatedAt: 0, AddedHeight: 0 },
  Finalized: false,
  Removed: false,
  AbortReason: '',
  Upgraded: false,
  UpgradePublic: null,
  UpgradedInfo: null,
  UpgradeMessageID: null,
  UpgradeLandedEpoch: null,
  Imported: false,
  NeedRebuild: false,
  Unsealing: false,
}

/** A manager with the rules of damocles's `daemon run`, whose chain lands every message at once; any method can be scripted. */
export class ScriptedManager {
  readonly calls: Call[] = []
  readonly sectors = new Map<string, ManagerSector>()
  readonly stores = new Set(['persist1'])
  deals: SectorPieces = null
  /** Sealed sectors that wait for an upgrade, and such that wait to be made anew: taken out when they are given to a worker. */
  readonly snapUpQueue: AllocatedSnapUpSector[] = []
  readonly rebuildQueue: SectorRebuildInfo[] = []
  /** What FindSector says of a sector, by its name. */
  readonly records = new Map<string, Partial<SectorState>>()
  /** Waiting unseal tasks, and where their pieces are to go. */
  readonly unsealTasks: SectorUnsealInfo[] = []
  destinations: string[] = []
  /** What was put into the piece store. */
  readonly pieces = new Map<string, Buffer>()
  /** What came with each request for a piece. */
  readonly pieceStoreTokens: (string | undefined)[] = []
  /** How unseal tasks ended, by piece: '' is success. */
  readonly achieved = new Map<string, string>()
  /** Jobs that are ready; those taken by a worker; and what came of them. */
  readonly jobs: WdPoStAllocatedJob[] = []
  readonly runningJobs = new Set<string>()
  readonly finishedJobs: FinishedJob[] = []
  /** What readers of windows have handed in. */
  readonly vanillas: { readonly job: string; readonly headers: IncomingHttpHeaders; readonly content: Buffer }[] = []
  /** How that is answered, one after the other; then with 200. */
  readonly vanillaAnswers: number[] = []
  /** What provers of windows can fetch, by its id, and how often something was asked for. */
  readonly chunks = new Map<string, Uint8Array>()
  chunksGiven = 0
  /** Bearer tokens seen, in the order of the calls. */
  readonly tokens: (string | undefined)[] = []
  proofType = 5
  address = ''
  #nextNumber = 1
  #tickets = 0
  // biome-ignore lint/suspicious/noExplicitAny: a script answers for whatever method it is for
  readonly #scripts = new Map<string, ((...params: any[]) => unknown)[]>()
  #gate: ((call: Call, when: 'before' | 'after') => Promise<void> | void) | undefined
  #server: HttpServer | undefined
  #rpc: RpcServer | undefined

  /** The next calls of a method are answered by these, one after another; then the manager is itself again. */
  // biome-ignore lint/suspicious/noExplicitAny: a script answers for whatever method it is for
  script(method: MethodName, ...answers: ((...params: any[]) => unknown)[]): void {
    this.#scripts.set(method, [...(this.#scripts.get(method) ?? []), ...answers])
  }

  /** Called around every call. A promise that never settles holds the call there. */
  gate(gate: ((call: Call, when: 'before' | 'after') => Promise<void> | void) | undefined): void {
    this.#gate = gate
  }

  called(method: MethodName): Call[] {
    return this.calls.filter(call => call.method === method)
  }

  sector(number: number): ManagerSector {
    return this.sectors.get(sectorName({ Miner: MINER, Number: number }))!
  }

  async start(port = 0): Promise<void> {
    const dispatcher = new Dispatcher([bindPart(managerService, this.#watched())], {
      title: 'scripted manager',
      version: '0',
      log: silentLog,
    })
    this.#server = new HttpServer(silentLog)
    this.#rpc = new RpcServer(dispatcher, {
      log: silentLog,
      authenticate: token => {
        this.tokens.push(token)
        return ['read', 'write', 'sign', 'admin']
      },
    }).mount(this.#server, '/rpc/v0')
    this.#server.route('/piecestore/', async (request, response) => {
      this.pieceStoreTokens.push(request.headers.authorization)
      const parts: Buffer[] = []
      for await (const part of request) parts.push(part)
      this.pieces.set(request.url!.slice('/piecestore/'.length), Buffer.concat(parts))
      response.end()
    })
    this.#server.route(VANILLA_ROUTE, async (request, response) => {
      const id = request.url!.slice(VANILLA_ROUTE.length)
      if (request.method === 'GET') {
        this.chunksGiven += 1
        const chunk = this.chunks.get(id)
        return void response.writeHead(chunk === undefined ? 404 : 200).end(chunk)
      }
      const parts: Buffer[] = []
      for await (const part of request) parts.push(part)
      this.vanillas.push({ job: id, headers: request.headers, content: Buffer.concat(parts) })
      response.writeHead(this.vanillaAnswers.shift() ?? 200).end('as scripted')
    })
    const { host, port: bound } = await this.#server.listen({ host: '127.0.0.1', port })
    this.address = `http://${host}:${bound}`
  }

  async stop(): Promise<void> {
    this.#rpc?.close()
    await Promise.race([this.#server?.close(), delay(200)])
  }

  get port(): number {
    return Number(new URL(this.address).port)
  }

  #watched(): Partial<ManagerHandlers> {
    const handlers = this.#handlers() as unknown as Record<string, (...params: unknown[]) => unknown>
    return Object.fromEntries(
      Object.entries(handlers).map(([method, handler]) => [
        method,
        async (...args: unknown[]) => {
          const call: Call = { method, params: args.slice(0, -1) }
          await this.#gate?.(call, 'before')
          this.calls.push(call)
          const scripted = this.#scripts.get(method)?.shift()
          const result = await (scripted ?? handler)(...call.params)
          await this.#gate?.(call, 'after')
          return result
        },
      ]),
    ) as Partial<ManagerHandlers>
  }

  #bringOnline(id: SectorID): void {
    const sector = { id, preCommits: [], proofs: [], tickets: [], snapUps: [], finalized: false, reports: [] }
    this.sectors.set(sectorName(id), sector)
  }

  #online(id: SectorID): ManagerSector {
    const sector = this.sectors.get(sectorName(id))
    if (sector === undefined || sector.finalized) {
      throw new RpcError(11_001, 'error code 11001: sector state not found')
    }
    return sector
  }

  #handlers(): Partial<ManagerHandlers> {
    const accepted = { Res: 1, Desc: null } as const
    const mismatched = { Res: 3, Desc: null } as const
    const landed = { State: 3, Desc: null } as const
    return {
      StoreBasicInfo: name => (this.stores.has(name) ? this.#store(name) : null),
      WorkerPing: () => undefined,
      AllocateSector: () => {
        const id = { Miner: MINER, Number: this.#nextNumber++ }
        this.#bringOnline(id)
        return { ID: id, ProofType: this.proofType }
      },
      AcquireDeals: id => {
        this.#online(id)
        return this.deals
      },
      AssignTicket: id => {
        const ticket = new Uint8Array(32).fill(++this.#tickets)
        this.#online(id).tickets.push(ticket)
        return { Ticket: ticket, Epoch: 1_000 + this.#tickets }
      },
      SubmitPreCommit: (allocated, info, hardReset) => {
        const sector = this.#online(allocated.ID)
        const text = preCommitText(info)
        if (sector.pre !== undefined && !hardReset) return sector.pre === text ? accepted : mismatched
        sector.pre = text
        sector.preCommits.push(text)
        return accepted
      },
      PollPreCommitState: id => {
        this.#online(id)
        return landed
      },
      StoreReserveSpace: (id, _size, candidates) => {
        this.#online(id)
        return this.#store(candidates[0]!)
      },
      SubmitPersistedEx: (id, instance, upgrade) => {
        Object.assign(this.#online(id), { persisted: instance, persistedUpgrade: upgrade })
        return true
      },
      AllocateSanpUpSector: () => {
        const allocated = this.snapUpQueue.shift()
        if (allocated === undefined) return null
        this.#bringOnline(allocated.Sector.ID)
        return allocated
      },
      SubmitSnapUpProof: (id, info) => {
        const sector = this.#online(id)
        if (sector.snapUps.length > 0) throw new RpcError(1, 'commit snapup sector: duplicate commit job')
        sector.snapUps.push(info)
        return accepted
      },
      AllocateRebuildSector: () => {
        const info = this.rebuildQueue.shift()
        if (info === undefined) return null
        this.#bringOnline(info.Sector.ID)
        return info
      },
      FindSector: (_store, id) => {
        const record = this.records.get(sectorName(id))
        return record === undefined ? null : { ...EMPTY_RECORD, ID: id, ...record }
      },
      WaitSeed: id => {
        this.#online(id)
        return { ShouldWait: false, Delay: 0, Seed: { Seed: new Uint8Array(32).fill(7), Epoch: 1_200 } }
      },
      SubmitProof: (id, info, hardReset) => {
        const sector = this.#online(id)
        const text = toHex(info.Proof)
        if (sector.proof !== undefined && !hardReset) return sector.proof === text ? accepted : mismatched
        sector.proof = text
        sector.proofs.push(text)
        return accepted
      },
      PollProofState: id => {
        this.#online(id)
        return landed
      },
      ReportState: (id, report) => {
        const sector = this.sectors.get(sectorName(id))
        if (sector === undefined) throw new RpcError(11_001, 'error code 11001: sector state not found')
        sector.reports.push(report)
        return { Id: id, Finalized: sector.finalized, AbortReason: sector.abortReason ?? '' }
      },
      ReportFinalized: id => {
        this.#online(id).finalized = true
      },
      ReportAborted: (id, reason) => {
        const sector = this.#online(id)
        sector.abortReason = reason
        sector.finalized = true
      },
      AllocateUnsealSector: () => {
        const task = this.unsealTasks.shift()
        if (task === undefined) return null
        this.#bringOnline(task.Sector.ID)
        return task
      },
      AcquireUnsealDest: () => [...this.destinations],
      AchieveUnsealSector: (id, pieceCid, errInfo) => {
        this.#online(id)
        this.achieved.set(pieceCid.toString(), errInfo)
      },
      WdPoStAllocateJobs: (_spec, num) => {
        const taken = this.jobs.splice(0, num)
        for (const { Id } of taken) this.runningJobs.add(Id)
        return taken
      },
      WdPoStHeartbeatJobs: ids => {
        if (ids.some(id => !this.runningJobs.has(id))) throw new RpcError(1, 'key not found')
      },
      WdPoStFinishJob: (id, output, reason) => {
        if (!this.runningJobs.delete(id)) throw new RpcError(1, 'key not found')
        this.finishedJobs.push({ id, output, reason })
      },
    }
  }

  #store(Name: string) {
    return { Name, Path: Name, Strict: false, ReadOnly: false, Weight: 0, Meta: {} }
  }
}

const preCommitText = ({ CommR, CommD, Ticket }: PreCommitOnChainInfo): string =>
  `${toHex(CommR)} ${toHex(CommD)} ${toHex(Ticket.Ticket)} ${Ticket.Epoch}`
