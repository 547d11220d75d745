import { expect } from 'chai'
import { eventually } from '../../../../harness/eventually.js'
import { runManagerCli } from '../../../../harness/run-manager-cli.js'
import { ManagerBench } from '../../manager-bench.js'

const ZEROS = Array(32).fill(0)
const ANYTHING = { AllowedMiners: null, AllowedProofTypes: null }
const JOB = 'cx2K4cEPPz4'

describe('manager: the WdPoSt methods and commands as damocles-manager has them', function () {
  this.timeout(60_000)
  let bench: ManagerBench

  before(async () => {
    bench = await new ManagerBench({ miner: 10_000, storeName: 'persist1', windowProofs: 'workers' }).start()
  })
  after(() => bench?.stop())

  const call = async (method: string, ...params: unknown[]): Promise<Record<string, unknown>> => {
    const response = await fetch(`http://${bench.manager.address}/rpc/v0`, {
      method: 'POST',
      body: JSON.stringify({ jsonrpc: '2.0', id: 7, method: `Venus.${method}`, params }),
    })
    const { jsonrpc, id, ...answer } = (await response.json()) as Record<string, unknown>
    return { status: response.status, ...answer }
  }
  const fails = (message: string) => ({ status: 200, error: { code: 1, message } })
  const done = { status: 200, result: null }
  const wdpost = (...args: string[]) =>
    runManagerCli('util', '--listen', bench.manager.address, 'worker', 'wdpost', ...args)

  it('answers as it was recorded', async () => {
    const randomness = Buffer.alloc(32).toString('base64')
    expect(await call('SimulateWdPoSt', 0, 0, 'f010000', 5, [], randomness)).to.include({ status: 200 })
    await eventually('the job of the simulation', 10_000, async () => {
      const { result } = await call('WdPoStAllJobs')
      return (result as { Jobs: unknown[] }).Jobs.length === 1 ? true : undefined
    })
    expect(await call('WdPoStHeartbeatJobs', [], 'w1')).to.deep.equal(done)
    const others = { AllowedMiners: [10_000], AllowedProofTypes: ['2KiB'] }
    expect(await call('WdPoStAllocateJobs', others, 1, 'w1')).to.deep.equal({ status: 200, result: [] })
    expect(await call('WdPoStAllocateJobs', ANYTHING, 1, 'w1')).to.deep.equal({
      status: 200,
      result: [{ Id: JOB, Input: { Sectors: [], MinerId: 10_000, ProofType: 'StackedDrgWindow2KiBV1', Seed: ZEROS } }],
    })
    expect(await call('WdPoStFinishJob', 'nojob', { proofs: [], faults: [] }, '')).to.deep.equal(fails('key not found'))
    expect(await call('WdPoStFinishJob', 'nojob', null, 'failed because')).to.deep.equal(fails('key not found'))
    expect(await call('WdPoStHeartbeatJobs', ['nojob'], 'w1')).to.deep.equal(fails('key not found'))
    expect(await call('WdPoStResetJob', 'nojob')).to.deep.equal(fails("job 'nojob' does not exist"))
    expect(await call('WdPoStRemoveJob', 'nojob')).to.deep.equal(done)
    const { result } = (await call('WdPoStAllJobs')) as { result: { Jobs: Record<string, unknown>[]; MaxTry: number } }
    const { StartedAt, HeartbeatAt, CreatedAt, UpdatedAt, ...rest } = result.Jobs[0]!
    expect(result.MaxTry).to.equal(2)
    expect(rest).to.deep.equal({
      Id: JOB,
      State: 'running',
      DeadlineIdx: 0,
      Partitions: [0],
      Input: { Sectors: null, MinerId: 10_000, ProofType: '', Seed: ZEROS },
      Output: { proofs: null, faults: null },
      TryNum: 1,
      ErrorReason: '',
      WorkerName: 'w1',
      FinishedAt: 0,
      Sectors: 0,
      Faults: 0,
    })
    for (const moment of [StartedAt, HeartbeatAt, CreatedAt, UpdatedAt])
      expect(moment).to.be.closeTo(Date.now() / 1000, 60)
    expect(Object.keys(result.Jobs[0]!)).to.deep.equal([
      'Id',
      'State',
      'DeadlineIdx',
      'Partitions',
      'Input',
      'Output',
      'TryNum',
      'ErrorReason',
      'WorkerName',
      'StartedAt',
      'HeartbeatAt',
      'FinishedAt',
      'CreatedAt',
      'UpdatedAt',
      'Sectors',
      'Faults',
    ])
  })

  it('S001-35…41: the list shows what is not done or has failed, with --all the rest, with --detail everything', async () => {
    const list = await wdpost('list')
    const [header, row] = list.stdout.split('\n')
    expect(header).to.equal(
      'JobID        MinerID  DDL  Partitions  Sectors  Worker  State    Try  CreateAt        Elapsed  Heartbeat  Error'.replace(
        'Elapsed  Heartbeat',
        /Elapsed +Heartbeat/.exec(header!)![0],
      ),
    )
    expect(row).to.match(
      /^cx2K4cEPPz4 {2}10000 {4}0 {4}\[0\] {9}0 {8}w1 {6}Running {2}1 {4}\d\d-\d\d \d\d:\d\d:\d\d {2}\d+s +\d+s$/,
    )
    await call('WdPoStFinishJob', JOB, { proofs: ['AAAA'], faults: [] }, '')
    expect((await wdpost('list')).stdout.trim().split('\n')).to.have.length(1)
    expect((await wdpost('list', '--all')).stdout).to.match(/Succeed +1 .*\d+s\(done\) +-/)
    const detail = await wdpost('list', '--all', '--detail')
    expect(detail.stdout.split('\n')[0]!.split(/ {2,}/)).to.deep.equal([
      'JobID',
      'Prefix',
      'Miner',
      'DDL',
      'Partitions',
      'Sectors',
      'Worker',
      'State',
      'Try',
      'CreateAt',
      'StartedAt',
      'HeartbeatAt',
      'FinishedAt',
      'UpdatedAt',
      'Error',
    ])
    const { Jobs } = JSON.parse((await wdpost('list', '--all', '--json')).stdout)
    expect(Jobs[0]).to.include({ Id: JOB, State: 'finished' })
  })

  it('S001-42 S001-43: reset and remove take jobs by their ids, and say which there are not', async () => {
    const reset = await wdpost('reset', JOB, 'nojob')
    expect(reset).to.deep.include({ code: 1, stdout: '' })
    expect(reset.stderr).to.contain("reset wdpost job: job 'nojob' does not exist")
    expect((await wdpost('list')).stdout).to.match(/ReadyToRun +0 .* - +-/)
    await call('WdPoStAllocateJobs', ANYTHING, 1, 'w1')
    await call('WdPoStFinishJob', JOB, null, 'no GPU')
    expect((await wdpost('list')).stdout).to.contain('no GPU')
    expect(await wdpost('remove', JOB, 'nojob')).to.deep.equal({ code: 0, stdout: '', stderr: '' })
    expect((await wdpost('list', '--all')).stdout).to.not.contain(JOB)
  })

  it('S001-46: remove-all removes them all, when it is meant', async () => {
    await call('SimulateWdPoSt', 1, 0, 'f010000', 10, [], Buffer.alloc(32, 1).toString('base64'))
    const [job] = await eventually('a job', 10_000, async () => {
      const { Jobs } = JSON.parse((await wdpost('list', '--all', '--json')).stdout)
      return Jobs.length > 0 ? Jobs : undefined
    })
    const unmeant = await wdpost('remove-all')
    expect(unmeant.code).to.equal(1)
    expect(unmeant.stderr).to.contain('--really-do-it')
    expect((await wdpost('remove-all', '--really-do-it')).stdout).to.contain(`wdpost job ${job.Id} removed\n`)
  })

  it('S001-24: --worker-prover and --ext-prover exclude each other', async () => {
    const run = await runManagerCli('daemon', 'run', '--worker-prover', '--ext-prover')
    expect(run.code).to.equal(1)
    expect(run.stderr).to.contain('--ext-prover and --worker-prover')
  })
})
