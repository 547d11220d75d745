import { expect } from 'chai'
import { HttpServer } from '../../../../daemon/kit/http/http-server.js'
import { silentLog } from '../../../../daemon/kit/log.js'
import { bindPart, Dispatcher, GO_DIALECT } from '../../../../daemon/kit/rpc/dispatcher.js'
import { RpcServer } from '../../../../daemon/kit/rpc/rpc-server.js'
import { managerService } from '../../../../rpc-schema/manager/index.js'
import type { BriefWdPoStJob } from '../../../../rpc-schema/manager/wdpost-job.js'
import { runManagerCli } from '../../../harness/run-manager-cli.js'

const job = (Id: string, changes: Partial<BriefWdPoStJob>): BriefWdPoStJob => ({
  Id,
  State: 'ready2run',
  DeadlineIdx: 3,
  Partitions: [0],
  Input: { Sectors: null, MinerId: 1000, ProofType: '', Seed: new Uint8Array(32) },
  Output: { proofs: null, faults: null },
  TryNum: 0,
  ErrorReason: '',
  WorkerName: '',
  StartedAt: 0,
  HeartbeatAt: 0,
  FinishedAt: 0,
  CreatedAt: 1,
  UpdatedAt: 1,
  Sectors: 9,
  Faults: 0,
  ...changes,
})

describe('util worker wdpost list: parts of window proofs', () => {
  let http: HttpServer
  let address: string
  let jobs: BriefWdPoStJob[]

  before(async () => {
    const methods = { WdPoStAllJobs: () => ({ Jobs: jobs, MaxTry: 2 }) }
    const about = { title: 'manager', version: '1', log: silentLog, dialect: GO_DIALECT }
    http = new HttpServer(silentLog)
    new RpcServer(new Dispatcher([bindPart(managerService, methods)], about), { log: silentLog }).mount(http, '/rpc/v0')
    const { port } = await http.listen({ host: '127.0.0.1', port: 0 })
    address = `127.0.0.1:${port}`
  })
  after(() => http.close())

  const list = async (...args: string[]): Promise<string[][]> => {
    const { stdout } = await runManagerCli('util', '--listen', address, 'worker', 'wdpost', 'list', ...args)
    return stdout
      .trim()
      .split('\n')
      .map(line => line.split(/ {2,}/))
  }

  it('each is told with its part, and what proves with the jobs that it waits for', async () => {
    jobs = [
      job('abc', { Part: 'prove', Waits: 7 }),
      job('abc-r1', { Part: 'read', Waits: 0, State: 'finished' }),
      job('abc-r2', { Part: 'read', Waits: 0, State: 'running', WorkerName: 'disks' }),
      job('abc-r3', { Part: 'read', Waits: 0 }),
      job('other-r1', { Part: 'read', Waits: 0 }),
      job('whole', {}),
    ]
    const [header, ...rows] = await list('--detail')
    const at = (name: string): number => header!.indexOf(name)
    expect(header!.slice(7, 10)).to.deep.equal(['State', 'Part', 'WaitsFor'])
    // Empty names of workers leave no cell.
    const cells = rows.map(row => [row[0], ...row.slice(row.indexOf('9') + 1)])
    expect(
      cells.map(row => row.filter(cell => /^(abc|Waits|ReadyToRun|Running|read|prove|whole|other)/.test(cell!))),
    ).to.deep.equal([
      ['abc', 'Waits(7)', 'prove', 'abc-r2 abc-r3'],
      ['abc-r2', 'Running', 'read'],
      ['abc-r3', 'ReadyToRun', 'read'],
      ['other-r1', 'ReadyToRun', 'read'],
      ['whole', 'ReadyToRun', 'whole'],
    ])
    expect(at('Part')).to.equal(8)
    expect((await list())[1]!.join(' ')).to.match(/^abc 1000 3 \[0\] 9 .*Waits\(7\)/)
  })

  it('where all jobs are whole ones the columns are those of damocles', async () => {
    jobs = [job('whole', {})]
    expect((await list('--detail'))[0]).to.not.include('Part')
  })
})
