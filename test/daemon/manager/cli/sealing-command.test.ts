import { expect } from 'chai'
import { Command } from 'commander'
import { talk } from '../../../../daemon/manager/cli/talk.js'
import { sealingCommand } from '../../../../daemon/manager/cli/venus-sealer/sealing-command.js'
import { sealyardService } from '../../../../rpc-schema/manager/sealyard.js'
import type { StageGrant } from '../../../../rpc-schema/manager/stages.js'
import { rpcClient } from '../../../../rpc-schema/rpc/client.js'
import { type Connection, connectRpc } from '../../../../rpc-schema/rpc/connection.js'
import { ManagerBench, MINER } from '../manager-bench.js'
import { runHere } from './run-cli.js'

const ROOM = 2 ** 50

describe('venus-sealer sealing: the commands on a manager', function () {
  this.timeout(60_000)
  let bench: ManagerBench
  let connection: Connection
  const own = () => rpcClient(sealyardService, connection)

  before(async () => {
    bench = await new ManagerBench({ devnet: { manual: true } }).start()
    connection = connectRpc(`http://${bench.manager.address}`, { path: '/rpc/v0' })
  })
  after(async () => {
    await connection?.close()
    await bench?.stop()
  })

  const sealing = async (...args: string[]): Promise<string> => {
    const program = new Command('venus-sealer').addCommand(
      sealingCommand(
        action => talk(`http://${bench.manager.address}`, undefined, action),
        () => MINER,
      ),
    )
    const { stdout, stderr } = await runHere(program, ['sealing', ...args])
    return stdout + stderr
  }

  /** A worker for AP alone, as the manager hears of it. */
  const report = (Claims: StageGrant['Claim'][] = []) =>
    own().ReportStageWorker({
      ID: 'A',
      Boot: 'first',
      Name: 'worker A',
      Version: 'v0',
      Machine: 'machine',
      Kinds: ['AP'],
      Quiet: false,
      SectorSizes: [],
      Paths: [{ ID: 'path', Location: '/seal', CanSeal: true, CanStore: false, FreeBytes: ROOM }],
      MemoryBytes: ROOM,
      Cores: 8,
      GPUs: [],
      Posting: false,
      FetchLimit: 5,
      TasksAtOnce: 1,
      Url: 'http://127.0.0.1:1',
      Token: 'secret',
      Claims,
    })

  it('nothing is there at first', async () => {
    expect(await sealing('jobs')).to.equal('nothing is being sealed by stage workers\n')
    expect(await sealing('workers')).to.equal('no stage worker has been heard of\n')
    expect(await sealing('sched-diag')).to.equal('no task waits\n')
  })

  it('jobs, workers and sched-diag tell who is at what, and why a task waits; the token of a worker is nobody’s business', async () => {
    await report()
    const grant = (await own().ClaimStageTask('A', 'first'))!
    expect(grant.Kind).to.equal('AP')
    const { Task } = grant.Claim
    expect(await sealing('jobs')).to.match(new RegExp(`${Task} +s-t01000-1 +AP +running +worker A`))
    const workers = await sealing('workers')
    expect(workers).to.include('worker A (A)').and.include('/seal (seal)').and.include(`at:      ${Task}`)
    expect(await sealing('workers', '--json')).to.not.include('secret')
    await own().FinishStageTask(grant.Claim, { End: 'next', State: 'TreeDBuilt', Record: '{}' })
    const told = await sealing('sched-diag')
    expect(told).to.match(
      /^s-t01000-1\.PC1\.\w+: none of 1 workers does PC1\. What helps: run a worker with `--precommit1`/,
    )
    const waiting = told.split(':')[0]!
    expect(await sealing('explain', waiting)).to.include('worker A: does no PC1')
    expect(await sealing('explain', 'what')).to.include('task what is not known, or done')
  })

  it('abort parks a task, retry lets it go on; abort of a sector gives it up', async () => {
    const [task] = await own().StageTasks()
    expect(await sealing('abort', task!.ID)).to.include('is parked')
    expect(await sealing('jobs'))
      .to.include('parked')
      .and.include('aborted by an operator')
    expect(await sealing('sched-diag')).to.include('parked: aborted by an operator')
    expect(await sealing('abort', task!.ID)).to.include('is no task that is ready or running')
    expect(await sealing('retry')).to.equal('1 tried again\n')
    expect(await sealing('abort', 's-t01000-1')).to.include('nothing of it is on the chain')
    expect(await sealing('abort', 's-t01000-1', '--reason', 'its disk is lost', '--really-do-it')).to.include(
      's-t01000-1 is given up',
    )
    expect(await sealing('jobs')).to.equal('nothing is being sealed by stage workers\n')
    const record = (await bench.api.ListSectors('offline', 0))!.find(({ ID }) => ID.Number === 1)
    expect(record?.AbortReason).to.equal('its disk is lost')
    expect((await report()).Remove).to.deep.equal([{ Path: 'path', Sector: { Miner: 1000, Number: 1 } }])
  })
})
