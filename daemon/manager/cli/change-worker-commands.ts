import { Command } from 'commander'
import { METHODS } from '../../../rpc-schema/actors/actor-methods.js'
import { ChangeWorkerAddressParams } from '../../../rpc-schema/actors/miner-control.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { addressArgument } from './arguments.js'
import type { Reach } from './reach.js'
import { awaitSuccess, REALLY_DO_IT, sendShown, showMessage } from './send-message.js'
import { say } from './talk.js'

const GUARD = 'Actually send transaction performing the action'

/** `util sealer actor propose-change-worker` and `confirm-change-worker`. */
export const changeWorkerCommands = (reach: Reach, miner: () => number): Command[] => [
  new Command('propose-change-worker')
    .description('Propose a worker address change')
    .argument('<address>', 'the new worker', addressArgument)
    .option('--really-do-it', GUARD, false)
    .action((address: Address, options: { reallyDoIt: boolean }) => propose(reach, miner(), address, options)),
  new Command('confirm-change-worker')
    .description('Confirm a worker address change')
    .argument('<address>', 'the new worker, as proposed', addressArgument)
    .option('--really-do-it', GUARD, false)
    .action((address: Address, options: { reallyDoIt: boolean }) => confirm(reach, miner(), address, options)),
]

function propose(reach: Reach, miner: number, address: Address, options: { reallyDoIt: boolean }): Promise<void> {
  return reach.chain(async chain => {
    const to = Address.fromId(miner)
    const worker = await chain.StateLookupID(address, [])
    const info = await chain.StateMinerInfo(to, [])
    if (info.NewWorker.isEmpty && info.Worker.equals(worker))
      throw new Error(`worker address already set to ${address}`)
    if (info.NewWorker.equals(worker)) throw new Error(`change to worker address ${address} already pending`)
    if (!info.NewWorker.isEmpty)
      throw new Error(
        `a change to ${info.NewWorker} is pending, and the chain keeps it until it is confirmed at or after height ${info.WorkerChangeEpoch}`,
      )
    await reach.manager(async (_, sealyard) => {
      const params = ChangeWorkerAddressParams.encode({ NewWorker: worker, NewControlAddrs: info.ControlAddresses })
      const method = METHODS.miner.ChangeWorkerAddress
      const shown = await showMessage(sealyard, { from: info.Owner, to, miner, method, params, repeat: true })
      if (!options.reallyDoIt) return say(REALLY_DO_IT)
      const { Uid } = await sendShown(sealyard, shown, id => `Propose Message CID: ${id}`)
      await awaitSuccess(sealyard, Uid, 'Propose worker change failed!')
      const after = await chain.StateMinerInfo(to, [])
      if (!after.NewWorker.equals(worker))
        throw new Error(
          `proposed worker address change not reflected on chain: expected ${worker}, found ${after.NewWorker}`,
        )
      say(`Worker key change to ${address} successfully proposed.`)
      say(`Call 'confirm-change-worker' at or after height ${after.WorkerChangeEpoch} to complete.`)
    })
  })
}

function confirm(reach: Reach, miner: number, address: Address, options: { reallyDoIt: boolean }): Promise<void> {
  return reach.chain(async chain => {
    const to = Address.fromId(miner)
    const worker = await chain.StateLookupID(address, [])
    const info = await chain.StateMinerInfo(to, [])
    if (info.NewWorker.isEmpty) throw new Error('no worker key change proposed')
    if (!info.NewWorker.equals(worker))
      throw new Error(`worker key ${worker} does not match current worker key proposal ${info.NewWorker}`)
    const head = await chain.ChainHead()
    if (head.Height < info.WorkerChangeEpoch)
      throw new Error(
        `worker key change cannot be confirmed until ${info.WorkerChangeEpoch}, current height is ${head.Height}`,
      )
    await reach.manager(async (_, sealyard) => {
      const method = METHODS.miner.ConfirmChangeWorkerAddress
      const shown = await showMessage(sealyard, { from: info.Owner, to, miner, method, repeat: true })
      if (!options.reallyDoIt) return say(REALLY_DO_IT)
      const { Uid } = await sendShown(sealyard, shown, id => `Confirm Message ID: ${id}`)
      await awaitSuccess(sealyard, Uid, 'Worker change execute failed!')
      const after = await chain.StateMinerInfo(to, [])
      if (!after.Worker.equals(worker))
        throw new Error(
          `confirmed worker address change not reflected on chain: expected '${worker}', found '${after.Worker}'`,
        )
      say(`The worker is ${worker} now.`)
    })
  })
}
