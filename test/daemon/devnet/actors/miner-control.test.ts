import { expect } from 'chai'
import { MINER_CREATION_DEPOSIT } from '../../../../daemon/devnet/actors/economics.js'
import { METHODS } from '../../../../rpc-schema/actors/actor-methods.js'
import { EXIT_CODES } from '../../../../rpc-schema/actors/exit-codes.js'
import {
  ChangeBeneficiaryParams,
  ChangeMultiaddrsParams,
  ChangeOwnerAddressParams,
  ChangePeerIDParams,
  ChangeWorkerAddressParams,
  ControlAddressesReturn,
  WithdrawBalanceParams,
} from '../../../../rpc-schema/actors/miner-control.js'
import { CreateMinerParams, CreateMinerReturn } from '../../../../rpc-schema/actors/power.js'
import type { StateMinerInfo } from '../../../../rpc-schema/chain/miner-info.js'
import { Address } from '../../../../rpc-schema/wire/address.js'
import { bigInt } from '../../../../rpc-schema/wire/cbor.js'
import { FIL } from '../../../../rpc-schema/wire/token-amount.js'
import { DevnetUnderTest, MINER } from '../devnet-under-test.js'

const id = (number: number): Address => Address.fromId(number, 't')
const [OWNER, WORKER, CONTROL, CLIENT] = [id(102), id(103), id(104), id(101)]
const { miner: M } = METHODS

describe('devnet: miner control', () => {
  let test: DevnetUnderTest
  beforeEach(async () => {
    test = await DevnetUnderTest.start({ minerBalance: 100n * FIL })
  })
  afterEach(() => test.stop())

  const send = async (from: Address, Method: number, Params: Uint8Array = new Uint8Array()): Promise<number> =>
    (await test.land({ From: from, Method, Params })).Receipt.ExitCode
  const info = (): Promise<StateMinerInfo> => test.node.StateMinerInfo(MINER, [])
  const balance = async (address: Address): Promise<bigint> => (await test.node.StateGetActor(address, [])).Balance

  it('control addresses change at once, the worker after 900 epochs and only when confirmed', async () => {
    const change = ChangeWorkerAddressParams.encode({ NewWorker: CONTROL, NewControlAddrs: [CLIENT] })
    expect(await send(WORKER, M.ChangeWorkerAddress, change)).to.equal(EXIT_CODES.ErrForbidden)
    expect(await send(OWNER, M.ChangeWorkerAddress, change)).to.equal(0)
    const proposed = await info()
    expect([proposed.Worker, proposed.NewWorker, ...proposed.ControlAddresses].join()).to.equal('f0103,f0104,f0101')
    expect(await send(OWNER, M.ConfirmChangeWorkerAddress)).to.equal(0)
    expect((await info()).Worker.toString()).to.equal('f0103')
    await test.admin.NullRounds(proposed.WorkerChangeEpoch - test.height)
    expect(await send(WORKER, M.ConfirmChangeWorkerAddress)).to.equal(EXIT_CODES.ErrForbidden)
    expect(await send(OWNER, M.ConfirmChangeWorkerAddress)).to.equal(0)
    const confirmed = await info()
    expect([confirmed.Worker, confirmed.NewWorker].join()).to.equal('f0104,<empty>')
    expect(confirmed.WorkerChangeEpoch).to.equal(-1)
    const asked = await test.land({ From: CLIENT, Method: M.ControlAddresses })
    expect(ControlAddressesReturn.decode(asked.Receipt.Return!).Worker.id).to.equal(104)
  })

  it('too many control addresses, and ones that are no accounts, are refused', async () => {
    const many = ChangeWorkerAddressParams.encode({ NewWorker: WORKER, NewControlAddrs: new Array(11).fill(CONTROL) })
    expect(await send(OWNER, M.ChangeWorkerAddress, many)).to.equal(EXIT_CODES.ErrIllegalArgument)
    const miner = ChangeWorkerAddressParams.encode({ NewWorker: WORKER, NewControlAddrs: [MINER] })
    expect(await send(OWNER, M.ChangeWorkerAddress, miner)).to.equal(EXIT_CODES.ErrIllegalArgument)
    expect((await info()).ControlAddresses.join()).to.equal('f0104')
  })

  it('an owner is proposed by the old and confirmed by the new', async () => {
    const owner = (address: Address): Uint8Array => ChangeOwnerAddressParams.encode(address)
    expect(await send(CLIENT, M.ChangeOwnerAddress, owner(CLIENT))).to.equal(EXIT_CODES.ErrForbidden)
    expect(await send(OWNER, M.ChangeOwnerAddress, owner(test.client))).to.equal(EXIT_CODES.ErrIllegalArgument)
    expect(await send(OWNER, M.ChangeOwnerAddress, owner(CLIENT))).to.equal(0)
    expect((await info()).PendingOwnerAddress!.toString()).to.equal('f0101')
    expect(await send(CLIENT, M.ChangeOwnerAddress, owner(WORKER))).to.equal(EXIT_CODES.ErrIllegalArgument)
    expect(await send(CLIENT, M.ChangeOwnerAddress, owner(CLIENT))).to.equal(0)
    const changed = await info()
    expect([changed.Owner, changed.Beneficiary].join()).to.equal('f0101,f0101')
    expect(changed.PendingOwnerAddress).to.equal(null)
  })

  it('a withdrawal takes no more than is there, and only owner and beneficiary may', async () => {
    const amount = (fil: bigint): Uint8Array => WithdrawBalanceParams.encode({ AmountRequested: fil * FIL })
    expect(await send(WORKER, M.WithdrawBalance, amount(1n))).to.equal(EXIT_CODES.ErrForbidden)
    const before = await balance(MINER)
    const landed = await test.land({ From: OWNER, Method: M.WithdrawBalance, Params: amount(1n) })
    expect(bigInt.decode(landed.Receipt.Return!)).to.equal(FIL)
    expect(await balance(MINER)).to.equal(before - FIL)
    const all = await test.land({ From: OWNER, Method: M.WithdrawBalance, Params: amount(1_000n) })
    expect(bigInt.decode(all.Receipt.Return!)).to.equal(before - FIL)
    expect(await balance(MINER)).to.equal(0n)
    expect(await send(WORKER, M.RepayDebt)).to.equal(0)
  })

  it('a beneficiary draws its quota and no more, until its term ends', async () => {
    const expiration = test.height + 100
    const params = ChangeBeneficiaryParams.encode({
      NewBeneficiary: CLIENT,
      NewQuota: 5n * FIL,
      NewExpiration: expiration,
    })
    expect(await send(CLIENT, M.ChangeBeneficiary, params)).to.equal(EXIT_CODES.ErrForbidden)
    expect(await send(OWNER, M.ChangeBeneficiary, params)).to.equal(0)
    const pending = (await info()).PendingBeneficiaryTerm!
    expect([pending.ApprovedByBeneficiary, pending.ApprovedByNominee]).to.deep.equal([true, false])
    expect(await send(CLIENT, M.ChangeBeneficiary, params)).to.equal(0)
    const changed = await info()
    expect(changed.Beneficiary.toString()).to.equal('f0101')
    expect(changed.BeneficiaryTerm).to.deep.equal({ Quota: 5n * FIL, UsedQuota: 0n, Expiration: expiration })
    const before = await balance(CLIENT)
    const withdraw = WithdrawBalanceParams.encode({ AmountRequested: 7n * FIL })
    const landed = await test.land({ From: OWNER, Method: M.WithdrawBalance, Params: withdraw })
    expect(bigInt.decode(landed.Receipt.Return!)).to.equal(5n * FIL)
    expect(await balance(CLIENT)).to.equal(before + 5n * FIL)
    expect(await send(OWNER, M.WithdrawBalance, withdraw)).to.equal(EXIT_CODES.ErrForbidden)
    const back = ChangeBeneficiaryParams.encode({ NewBeneficiary: OWNER, NewQuota: 0n, NewExpiration: 0 })
    expect(await send(OWNER, M.ChangeBeneficiary, back)).to.equal(0)
    expect((await info()).Beneficiary.toString()).to.equal('f0102')
  })

  it('peer id and multiaddrs', async () => {
    const peer = ChangePeerIDParams.encode({ NewID: Uint8Array.of(0, 36, 8, 1) })
    expect(await send(CLIENT, M.ChangePeerID, peer)).to.equal(EXIT_CODES.ErrForbidden)
    expect(await send(CONTROL, M.ChangePeerID, peer)).to.equal(0)
    const address = Uint8Array.of(4, 127, 0, 0, 1, 6, 4, 210)
    const multiaddrs = ChangeMultiaddrsParams.encode({ NewMultiaddrs: [address] })
    expect(await send(WORKER, M.ChangeMultiaddrs, multiaddrs)).to.equal(0)
    const empty = ChangeMultiaddrsParams.encode({ NewMultiaddrs: [new Uint8Array()] })
    expect(await send(WORKER, M.ChangeMultiaddrs, empty)).to.equal(EXIT_CODES.ErrIllegalArgument)
    const { PeerId, Multiaddrs } = await info()
    expect(PeerId).to.equal('1D6wr')
    expect(Multiaddrs.map(bytes => [...bytes])).to.deep.equal([[...address]])
  })

  it('a miner is made for its deposit, and is one like the others, after a restart, too', async () => {
    const create = (Value: bigint, WindowPoStProofType = 10) =>
      test.land({
        To: id(4),
        Value,
        Method: METHODS.power.CreateMiner,
        Params: CreateMinerParams.encode({
          Owner: CLIENT,
          Worker: WORKER,
          WindowPoStProofType,
          Peer: new Uint8Array(),
          Multiaddrs: [],
        }),
      })
    expect((await create(MINER_CREATION_DEPOSIT - 1n)).Receipt.ExitCode).to.equal(EXIT_CODES.ErrInsufficientFunds)
    expect((await create(MINER_CREATION_DEPOSIT, 3)).Receipt.ExitCode).to.equal(EXIT_CODES.ErrIllegalArgument)
    const { IDAddress, RobustAddress } = CreateMinerReturn.decode((await create(FIL)).Receipt.Return!)
    await test.restart()
    expect((await test.node.StateListMiners([])).join()).to.equal(`f01000,f0${IDAddress.id}`)
    const made = await test.node.StateMinerInfo(RobustAddress, [])
    expect([made.Owner, made.Worker].join()).to.equal('f0101,f0103')
    expect(made.SectorSize).to.equal(2048)
    expect(await test.node.StateMinerAvailableBalance(IDAddress, [])).to.equal(FIL)
    expect((await test.node.StateGetActor(IDAddress, [])).Code.toString()).to.include('bafk')
    await test.admin.Status()
  })
})
