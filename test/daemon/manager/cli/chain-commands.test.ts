import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { ON_CHAIN_STATE } from '../../../../rpc-schema/manager/commitment.js'
import { FIL } from '../../../../rpc-schema/wire/token-amount.js'
import { goodProof, ManagerBench, MINER } from '../manager-bench.js'
import { type Outcome, runCli, utilOf } from './run-cli.js'

const sample = (name: string): string =>
  readFileSync(new URL(`../../../../../test/vectors/manager-cli/${name}.txt`, import.meta.url), 'utf8')

/** The names of the sample's network in place of ours, and every time of day as one. */
const asInSample = (text: string): string => text.replaceAll(/\d\d:\d\d:\d\d/g, 'HH:MM:SS')

describe('manager: commands about the chain', function () {
  this.timeout(60_000)
  let bench: ManagerBench
  let util: (...args: string[]) => Promise<Outcome>

  before(async () => {
    bench = await new ManagerBench({ deals: true, devnet: { epochMs: 40 } }).start()
    util = utilOf(bench)
  })
  after(() => bench?.stop())

  it('chain head and pci need no manager', async () => {
    const alone = (...args: string[]) =>
      runCli('--home', `${bench.dir}/manager`, 'util', '--listen', '127.0.0.1:1', ...args)
    expect((await alone('chain', 'head')).stdout).to.match(/^ts \d+: { bafy2bz\w+ }\n$/)
    expect(JSON.parse((await alone('chain', 'head', '--json')).stdout).Height).to.be.greaterThan(1000)
    expect((await alone('chain', 'pci', `t0${MINER}`, '77')).stdout).to.equal('null\n')
    const lost = await runCli('--home', `${bench.dir}/nowhere`, 'util', 'chain', 'head')
    expect(lost.code).to.equal(1)
    expect(lost.stderr).to.match(/nowhere\/sector-manager.cfg: there is no such file; .* `util --conf-dir`/)
    const elsewhere = await runCli('--home', '/nowhere', 'util', '--conf-dir', `${bench.dir}/manager`, 'chain', 'head')
    expect(elsewhere.code).to.equal(0)
  })

  it('miner info has the lines of the recorded one', async () => {
    const ours = (await util('miner', 'info', String(MINER))).stdout
    const theirs = sample('miner-info')
    const keys = (text: string): string[] =>
      text.split('\n').map(line => (line.startsWith('\t') ? '\t' : line.replace(/:.*/, '')))
    expect(
      keys(ours.replace('\tf0104\n', '').replace('Controls(1)', 'Controls(0)').replace('(0):\n\n', '(0):\n\n')),
    ).to.deep.equal(keys(theirs))
    expect(ours).to.include('Miner: f01000\nOwner: f0102\nWorker: f0103\nNewWorker: <empty>\nControls(1):\n\tf0104\n')
    expect(ours).to.include('WokerChangeEpoch: -1\nMultiaddrs(0):\nSectorSize: 2048\nWindowPoStPartitionSectors: 2\n')
    expect(JSON.parse((await util('miner', 'info', 'f01000', '--json')).stdout)).to.include({ Owner: 't0102' })
    expect((await util('miner', 'info', 'f099')).stderr).to.include('not miner')
    expect((await util('miner', 'info', 'xyz')).stderr).to.include('expected an address')
  })

  it('proving deadlines and deadline print what was recorded', async () => {
    const proving = (...args: string[]) => util('sealer', 'proving', '--miner', 't01000', ...args)
    const ours = asInSample((await proving('deadlines')).stdout).replaceAll('  (current)', '')
    expect(ours).to.equal(
      asInSample(sample('proving-deadlines')).replaceAll('  (current)', '').replace('f010000', 'f01000'),
    )
    expect((await proving('deadlines')).stdout.match(/\(current\)/g)).to.have.length(1)
    const deadline = asInSample((await proving('deadline', '1')).stdout).replace('true', 'false')
    expect(deadline.trimEnd()).to.equal(asInSample(sample('proving-deadline')).trimEnd())
    expect((await proving('deadline', '48')).stderr).to.include('deadline 48 out of range')
    expect((await util('sealer', 'proving', 'info')).stderr).to.include('--miner: expected the miner')
    const info = (await proving('info')).stdout
    expect(info).to.match(
      /^Sealer: f01000\nCurrent Epoch: {11}\d+\nProving Period Boundary: \d+\nProving Period Start: {4}-?\d+ \(.* ago\)\nNext Period Start: {7}\d+ \(in [\w ]+\)\n\nFaults: {6}0 \(0\.00%\)\nRecovering: {2}0\nDeadline Index: {7}\d+\nDeadline Sectors: {5}0\nDeadline Open: {8}-?\d+ \(.*\)\nDeadline Close: {7}\d+ \(in .*\)\n/,
    )
    expect((await proving('faults')).stdout).to.equal('Miner: f01000\ndeadline  partition  sectors  expiration(days)\n')
    expect((await proving('recover-faults', '--deadline', '3')).stdout).to.include('no faulty sectors in deadline 3')
  })

  it('a sector is shown in its partition, and its pre-commit before', async () => {
    const { sector, sid, pre } = await bench.sealed()
    await bench.api.SubmitPreCommit(sector, pre, false)
    await bench.preCommitState(sid, ON_CHAIN_STATE.landed)
    const pci = (await util('chain', 'pci', String(MINER), String(sid.Number))).stdout
    expect(pci).to.match(
      /^{\n\t"Info": {\n\t\t"SealProof": 5,\n\t\t"SectorNumber": \d+,\n\t\t"SealedCID": {\n\t\t\t"\/": "bag/,
    )
    expect(JSON.parse(pci).Info.SectorNumber).to.equal(sid.Number)
    await bench.seed(sid, sector.ProofType)
    await bench.api.SubmitProof(sid, { Proof: goodProof(sid.Number) }, false)
    await bench.proofState(sid, ON_CHAIN_STATE.landed)
    const { Deadline } = await bench.chain.StateSectorPartition(
      (await bench.chain.StateListMiners([]))[0]!,
      sid.Number,
      [],
    )
    const show = (...args: string[]) =>
      util('sealer', 'proving', '--miner', '1000', 'deadline', String(Deadline), ...args)
    expect((await show('-n')).stdout).to.include(
      `Partition Index:          0\n\tAll Sectors:               1\n\tAll Sector Numbers:         [${sid.Number}]\n\tLive Sectors:              1\n`,
    )
    expect((await show('-b')).stdout).to.match(
      /\tAll Sectors: {15}1 \(bitfield - runs 1\+1=2 - \d+ 0s 1 1s - 0 inv - \d+ B \d+B\)\n/,
    )
    const rows = JSON.parse((await util('sealer', 'proving', '--miner', '1000', 'deadlines', '--json')).stdout)
    expect(rows[Deadline]).to.include({ Deadline, Partitions: 1, Sectors: 1 })
  })

  it('a miner is created with its deposit', async () => {
    const create = (...args: string[]) =>
      util('miner', 'create', '--from', bench.devnet.accounts.client.toString(), '--sector-size', '2KiB', ...args)
    expect((await create('--deposit-margin-factor', '0.5')).stderr).to.include('expected a number of at least 1')
    expect((await create('--sector-size', '3KiB')).stderr).to.include('no sector has 3KiB')
    const peer = '12D3KooWJnuCs9mPFpBqMYXBpu1PMxr2PTBZEHCfyGvnWGwqZDLo'
    const { stdout, stderr } = await create(
      '--peer',
      peer,
      '--multiaddr',
      `/ip4/1.2.3.4/tcp/5/p2p/${peer}`,
      '--exid',
      '1',
    )
    expect(stderr).to.equal('')
    const made = /\nminer actor: (f0\d+) \((f2\w+)\)\n$/.exec(stdout)
    expect(made, stdout).to.not.equal(null)
    const info = (await util('miner', 'info', made![2]!)).stdout
    expect(info).to.include(`PeerID: ${peer}\nMultiaddrs(1):\n\t/ip4/1.2.3.4/tcp/5\n`)
    const { Balance } = await bench.chain.StateGetActor((await bench.chain.StateListMiners([]))[1]!, [])
    const deposit = await bench.chain.StateMinerCreationDeposit([])
    expect(Balance).to.equal((deposit * 101n + 99n) / 100n)
  })

  it('message wait and search tell of messages by uid, by CID, and of those of others', async () => {
    const cid = await bench.admin.FundAddress(bench.devnet.accounts.client, FIL)
    const waited = await util('message', 'wait', cid.toString())
    expect(waited.stdout).to.match(
      /^State: OnChainMsg\nCid: baf\w+\nHeight: \d+\nTipset: { baf\w+ }\nExitCode: Ok\(0\)\ngas_used: \d+\n$/,
    )
    const own = JSON.parse((await util('message', 'list', '--json')).stdout)[0]
    const search = await util('message', 'search', own.Uid, '--json')
    expect(JSON.parse(search.stdout)).to.include({ State: 'landed', MethodName: 'CreateMiner' })
    expect((await util('message', 'search', own.Cid)).stdout).to.include('State: OnChainMsg\n')
    const nope = await util('message', 'search', 'nope')
    expect([nope.code, nope.stderr]).to.deep.equal([
      1,
      'damocles-manager: record not found: neither this manager nor its node knows the message nope\n',
    ])
    expect((await util('message', 'list')).stdout).to.match(
      /^state +method +from +to +value +exit +uid\nlanded +CreateMiner/,
    )
  })

  it('market release-deals gives deals back', async () => {
    const deal = await bench.admin.ImportDeal({ Miner: MINER, Data: new Uint8Array(127).fill(1) })
    const sector = (await bench.api.AllocateSector({ AllowedMiners: [], AllowedProofTypes: [] }))!
    const given = await bench.api.AcquireDeals(sector.ID, { MaxDeals: null, MinUsedSpace: null })
    expect(given).to.have.length.greaterThan(0)
    const state = async () =>
      (await bench.admin.Status()).Deals.find(({ AllocationID }) => AllocationID === deal.AllocationID)?.State
    expect(await state()).to.equal('sealing')
    const released = await util('market', 'release-deals', '--miner', 't01000', '--alloc', String(deal.AllocationID))
    expect(released.stdout).to.equal('released 1 deals\n')
    expect(await state()).to.equal('allocated')
    expect((await util('market', 'release-deals', '--miner', 't01000')).stderr).to.include('no deals: give --deals')
    expect((await util('market', 'release-deals', '--miner', 't01000', '--deals', '5')).stderr).to.include(
      'deal 5 not found',
    )
  })
})
