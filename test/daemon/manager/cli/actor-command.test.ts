import { expect } from 'chai'
import { METHODS } from '../../../../rpc-schema/actors/actor-methods.js'
import { Address } from '../../../../rpc-schema/wire/address.js'
import { FIL } from '../../../../rpc-schema/wire/token-amount.js'
import { ManagerBench, MINER } from '../manager-bench.js'
import { utilOf } from './run-cli.js'

const miner = Address.fromId(MINER)

for (const messager of [false, true]) {
  describe(`manager: util sealer actor, ${messager ? 'by a messager' : "by the node's pool"}`, function () {
    this.timeout(60_000)
    let bench: ManagerBench
    const util = (...args: string[]) => utilOf(bench)(...args)
    const actor = (...args: string[]) => util('sealer', 'actor', '--miner', `t0${MINER}`, ...args)
    const balance = async (of: Address): Promise<bigint> => (await bench.chain.StateGetActor(of, [])).Balance
    const landed = async (Method: number): Promise<number> =>
      (await bench.admin.Messages({ Miner: MINER, Method })).length

    beforeEach(async () => {
      bench = await new ManagerBench({
        messager,
        devnet: { minerBalance: 1_000n * FIL },
        minerConfig: '[Miners.Commitment.Pre]\nSenders = ["f0104"]\n[Miners.PoSt]\nSenders = ["f0103"]\n',
      }).start()
    })
    afterEach(() => bench.stop())

    it('balance', async () => {
      expect((await actor('balance')).stdout).to.equal('balance: 1000 FIL\n')
      const json = JSON.parse((await util('sealer', 'actor', 'balance', '--miner', '1000', '--json')).stdout)
      expect(json).to.include({ Miner: MINER, Balance: (1_000n * FIL).toString() })
      expect((await util('sealer', 'actor', 'balance')).stderr).to.include("required option '--miner <miner>'")
    })

    it('control list shows who is used for what, and what they have', async () => {
      const { stdout } = await actor('control', 'list')
      expect(stdout).to.match(
        /^name {9}ID {5}key {8}use {9}balance\nowner {8}f0102 {2}f1\w{4}\.\.\. +[\d.]+ FIL\nworker {7}f0103 {2}f1\w{4}\.\.\. {2}other post {2}[\d.]+ FIL\n/,
      )
      expect(stdout).to.match(
        /\nbeneficiary {2}f0102 .*\ncontrol-0 {4}f0104 {2}f1\w{4}\.\.\. {2}precommit {3}100000 FIL\n$/,
      )
      const rows = JSON.parse((await actor('control', 'list', '--json')).stdout)
      expect(rows.map((row: { Name: string }) => row.Name)).to.deep.equal([
        'owner',
        'worker',
        'beneficiary',
        'control-0',
      ])
      const colored = await actor('control', 'list', '--color', '--verbose')
      expect(colored.stdout).to.include('\u001b[32m100000 FIL')
    })

    it('withdraw shows the price, sends once and tells what came', async () => {
      const dry = await actor('withdraw', '10', '--dry-run')
      expect(dry.stdout).to.match(
        /^Message:\n\tMethod: WithdrawBalance \(16\)\n\tFrom: f0102 \(f1\w+\), balance [\d.]+ FIL\n\tTo: f01000\n\tValue: 0 FIL\n\tParams: {"AmountRequested":"10000000000000000000"}\n\tGas: at most \d+ at [\d.]+ \w*FIL each, about [\d.]+ FIL\n\tCosts at most: [\d.]+ FIL\n$/,
      )
      expect(await landed(METHODS.miner.WithdrawBalance)).to.equal(0)
      const { stdout, code } = await actor('withdraw', '10', '--confidence', '3')
      expect(stdout).to.match(
        /\nRequested rewards withdrawal in message baf\w+\nwaiting for 3 epochs for confirmation\.\.\nSuccessfully withdrew 10 FIL \n$/,
      )
      expect(code).to.equal(0)
      expect(await balance(miner)).to.equal(990n * FIL)
      const greedy = await actor('withdraw', '991')
      expect(greedy.code).to.equal(1)
      expect(greedy.stderr).to.include(
        "can't withdraw more funds than available; requested: 991 FIL; available: 990 FIL",
      )
    })

    it('add-balance is sent once for the same exid, however often it is asked for', async () => {
      const add = (exid: string) => actor('add-balance', 'f0101', '5', '--exid', exid)
      expect((await add('a')).stdout).to.include('5 FIL sent to f01000')
      const again = await add('a')
      expect(again.stdout).to.include('This has been sent before: landed; --exid sends it once more')
      expect(await balance(miner)).to.equal(1_005n * FIL)
      await add('b')
      expect(await balance(miner)).to.equal(1_010n * FIL)
      const list = JSON.parse((await util('message', 'list', '--json')).stdout)
      expect(list.map((row: { Uid: string }) => row.Uid.slice(-2))).to.have.members(['-a', '-b'])
    })

    it('set-owner wants --really-do-it, and both owners', async () => {
      const hint = await actor('set-owner', 'f0101', 'f0102')
      expect(hint.stdout).to.match(
        /Method: ChangeOwnerAddress \(23\)[\s\S]*\nPass --really-do-it to actually execute this action\n$/,
      )
      expect((await actor('set-owner', 'f0101', 'f0103', '--really-do-it')).stderr).to.include(
        'from address must either be the old owner or the new owner',
      )
      expect((await actor('set-owner', 'f0101', 'f0102', '--really-do-it')).stdout).to.include('message succeeded!')
      expect((await bench.chain.StateMinerInfo(miner, [])).PendingOwnerAddress?.id).to.equal(101)
      await actor('set-owner', 'f0101', 'f0101', '--really-do-it')
      expect((await bench.chain.StateMinerInfo(miner, [])).Owner.id).to.equal(101)
    })

    it('the worker is proposed and confirmed, control addresses set', async () => {
      const proposed = await actor('propose-change-worker', 'f0104', '--really-do-it')
      expect(proposed.stdout).to.match(
        /Propose Message CID: baf\w+\nWorker key change to f0104 successfully proposed\.\nCall 'confirm-change-worker' at or after height \d+ to complete\.\n$/,
      )
      const early = await actor('confirm-change-worker', 'f0104', '--really-do-it')
      expect(early.stderr).to.match(/worker key change cannot be confirmed until \d+, current height is \d+/)
      expect((await actor('propose-change-worker', 'f0104')).stderr).to.include('already pending')
      await bench.admin.NullRounds(910)
      const confirmed = await actor('confirm-change-worker', 'f0104', '--really-do-it')
      expect(confirmed.stdout + confirmed.stderr).to.include('The worker is f0104 now.')
      const set = await actor('control', 'set', 'f0101', '--really-do-it')
      expect(set.stdout).to.match(/^Remove f1\w+\nAdd f1\w+\nMessage:[\s\S]*\nMessage ID: baf\w+\n$/)
    })

    it('a beneficiary is proposed and confirmed', async () => {
      expect((await actor('confirm-change-beneficiary', '--new-beneficiary')).stderr).to.include(
        'no pending beneficiary term found for miner f01000',
      )
      const propose = (...more: string[]) => actor('propose-change-beneficiary', 'f0101', '20', '900000', ...more)
      expect((await propose()).stdout).to.include(
        "Pass --really-do-it to actually execute this action. Review what you're about to approve CAREFULLY please\n",
      )
      expect((await propose('--really-do-it')).stdout).to.include('awaiting additional confirmations')
      expect((await propose('--really-do-it')).stderr).to.include('must pass --overwrite-pending-change')
      expect((await actor('confirm-change-beneficiary')).stderr).to.include('must pass exactly one of')
      const done = await actor('confirm-change-beneficiary', '--new-beneficiary', '--really-do-it')
      expect(done.stdout).to.include('Quota: 20 FIL\nExpiration Epoch: 900000\n')
      expect(done.stdout + done.stderr).to.include('Beneficiary address successfully changed')
      const before = await balance(Address.fromId(101))
      await actor('withdraw', '7')
      expect(await balance(Address.fromId(101))).to.equal(before + 7n * FIL)
      const info = await util('miner', 'info', 'f01000')
      expect(info.stdout).to.include(
        `Beneficiary:\tf0101\nBeneficiary Quota:\t${20n * FIL}\nBeneficiary Used Quota:\t${7n * FIL}\nBeneficiary Expiration:\t900000\n`,
      )
    })

    it('repay-debt pays nothing where nothing is owed, and only from a controller', async () => {
      expect((await actor('repay-debt')).stdout).to.equal('The miner has no debt.\n')
      expect((await actor('repay-debt', '1', '--from', 'f0101')).stderr).to.include(
        "sender isn't a controller of miner: f0101",
      )
      const paid = await actor('repay-debt', '1', '--from', 'f0104')
      expect(paid.stdout).to.match(/\nSent repay debt message baf\w+\n$/)
    })

    it('what the chain would refuse is told before anything is sent', async () => {
      const masked = await actor('compact-allocated', '--mask-last-offset', '3')
      expect(masked.stderr).to.include('the miner has used no sector numbers')
      const from = await actor('withdraw', '1', '--beneficiary', '--confidence', '0')
      expect(from.code).to.equal(0)
      const poor = await actor('add-balance', 'f0101', '99999999')
      expect(poor.code).to.equal(1)
      expect(poor.stderr).to.match(/funds/)
    })
  })
}
