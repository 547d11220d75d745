import { Command } from 'commander'
import { METHOD_SEND, METHODS } from '../../../rpc-schema/actors/actor-methods.js'
import { ChangeOwnerAddressParams, WithdrawBalanceParams } from '../../../rpc-schema/actors/miner-control.js'
import { CompactSectorNumbersParams } from '../../../rpc-schema/actors/miner-sectors.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import { bigInt } from '../../../rpc-schema/wire/cbor.js'
import { formatFil } from '../../../rpc-schema/wire/token-amount.js'
import type { ChainApi } from '../chain/chain-node.js'
import { addressArgument, filArgument, minerArgument, numberArgument } from './arguments.js'
import { beneficiaryCommands } from './beneficiary-commands.js'
import { changeWorkerCommands } from './change-worker-commands.js'
import { controlCommand } from './control-command.js'
import { shortFil } from './fil-text.js'
import type { Reach } from './reach.js'
import { awaitSuccess, CONFIDENCE, REALLY_DO_IT, sendShown, showMessage } from './send-message.js'
import { say, sayJson } from './talk.js'

const DRY_RUN = 'show the message and what it costs, send nothing'
const EXID = 'makes the message another one than the same without it'
const GUARD = 'Actually send transaction performing the action'
/** Beyond this a mask would leave the miner without numbers. */
const HIGHEST_MASKED = 2 ** 52

/** `util sealer actor`. */
export function actorCommand(reach: Reach): Command {
  const actor = new Command('actor')
    .description('Manipulate the miner actor')
    .requiredOption('--miner <miner>', 'miner actor id/address', minerArgument)
  const miner = (): number => actor.opts<{ miner: number }>().miner

  actor
    .command('balance')
    .description('Print the balance of the miner actor')
    .option('--json', 'as JSON', false)
    .action((options: { json: boolean }) =>
      reach.chain(async chain => {
        const head = await chain.ChainHead()
        const { Balance } = await chain.StateGetActor(Address.fromId(miner()), head.Cids)
        if (options.json) return sayJson({ Miner: miner(), Height: head.Height, Balance: Balance.toString() })
        say(`balance: ${shortFil(Balance)}`)
      }),
    )

  actor
    .command('add-balance')
    .description('Send funds to the miner actor')
    .argument('<from>', 'who pays', addressArgument)
    .argument('<amount>', 'FIL', filArgument)
    .option('--exid <id>', EXID)
    .option('--dry-run', DRY_RUN, false)
    .action((from: Address, value: bigint, options: { exid?: string; dryRun: boolean }) =>
      reach.manager(async (_, sealyard) => {
        const to = Address.fromId(miner())
        const { exid } = options
        const wish = { from, to, miner: miner(), method: METHOD_SEND, value, exid, repeat: false }
        const shown = await showMessage(sealyard, wish)
        if (options.dryRun) return
        const { Uid } = await sendShown(sealyard, shown, id => `Message ID: ${id}`)
        await awaitSuccess(sealyard, Uid, 'the funds were not sent')
        say(`${formatFil(value)} sent to ${to}`)
      }),
    )

  actor
    .command('withdraw')
    .description('Withdraw available balance')
    .argument('[amount]', 'FIL; default: all that is available', filArgument)
    .option('--confidence <epochs>', 'number of block confirmations to wait for', numberArgument, CONFIDENCE)
    .option('--beneficiary', 'send withdraw message from the beneficiary address', false)
    .option('--exid <id>', EXID)
    .option('--dry-run', DRY_RUN, false)
    .action(
      (
        wanted: bigint | undefined,
        options: { confidence: number; beneficiary: boolean; exid?: string; dryRun: boolean },
      ) => withdraw(reach, miner(), wanted, options),
    )

  actor
    .command('repay-debt')
    .description("Pay down a miner's debt")
    .argument('[amount]', 'FIL; default: the whole debt', filArgument)
    .option('--from <address>', 'optionally specify the account to send funds from', addressArgument)
    .option('--exid <id>', EXID)
    .option('--dry-run', DRY_RUN, false)
    .action((amount: bigint | undefined, options: { from?: Address; exid?: string; dryRun: boolean }) =>
      reach.chain(async chain => {
        const to = Address.fromId(miner())
        const info = await chain.StateMinerInfo(to, [])
        const value = amount ?? (await feeDebt(chain, to))
        if (value === 0n) return say('The miner has no debt.')
        const from = await chain.StateLookupID(options.from ?? info.Worker, [])
        if (![info.Owner, info.Worker, ...info.ControlAddresses].some(address => address.equals(from)))
          throw new Error(`sender isn't a controller of miner: ${from}`)
        await reach.manager(async (_, sealyard) => {
          const { exid } = options
          const wish = { from, to, miner: miner(), method: METHODS.miner.RepayDebt, value, exid, repeat: true }
          const shown = await showMessage(sealyard, wish)
          if (!options.dryRun) await sendShown(sealyard, shown, id => `Sent repay debt message ${id}`)
        })
      }),
    )

  actor
    .command('set-owner')
    .description(
      'Set owner address (this command should be invoked twice, first with the old owner as the senderAddress, and then with the new owner)',
    )
    .argument('<newOwnerAddress>', 'who is to own the miner', addressArgument)
    .argument('<senderAddress>', 'the old owner to propose, the new one to confirm', addressArgument)
    .option('--really-do-it', GUARD, false)
    .action((wanted: Address, sender: Address, options: { reallyDoIt: boolean }) =>
      reach.chain(async chain => {
        const to = Address.fromId(miner())
        const owner = await chain.StateLookupID(wanted, [])
        const from = await chain.StateLookupID(sender, [])
        const info = await chain.StateMinerInfo(to, [])
        if (!from.equals(info.Owner) && !from.equals(owner))
          throw new Error('from address must either be the old owner or the new owner')
        await reach.manager(async (_, sealyard) => {
          const params = ChangeOwnerAddressParams.encode(owner)
          const wish = { from, to, miner: miner(), method: METHODS.miner.ChangeOwnerAddress, params, repeat: true }
          const shown = await showMessage(sealyard, wish)
          if (!options.reallyDoIt) return say(REALLY_DO_IT)
          const { Uid } = await sendShown(sealyard, shown, id => `Message ID: ${id}`)
          await awaitSuccess(sealyard, Uid, 'owner change failed!')
          say('message succeeded!')
        })
      }),
    )

  actor
    .command('compact-allocated')
    .description('Compact allocated sectors bitfield')
    .option('--mask-last-offset <n>', "Mask sector IDs from 0 to 'higest_allocated - offset'", numberArgument)
    .option('--mask-upto-n <n>', "Mask sector IDs from 0 to 'n'", numberArgument)
    .option('--really-do-it', GUARD, false)
    .action((options: { maskLastOffset?: number; maskUptoN?: number; reallyDoIt: boolean }) =>
      reach.chain(async chain => {
        const to = Address.fromId(miner())
        const mask = await numbersToMask(chain, to, options)
        const { Worker: from } = await chain.StateMinerInfo(to, [])
        await reach.manager(async (_, sealyard) => {
          const params = CompactSectorNumbersParams.encode({ MaskSectorNumbers: mask })
          const wish = { from, to, miner: miner(), method: METHODS.miner.CompactSectorNumbers, params, repeat: true }
          const shown = await showMessage(sealyard, wish)
          say(`Numbers up to ${mask.last} can never be used after this.`)
          if (!options.reallyDoIt) return say(REALLY_DO_IT)
          const { Uid } = await sendShown(sealyard, shown, id => `CompactSectorNumbers Message ID: ${id}`)
          await awaitSuccess(sealyard, Uid, 'the numbers were not compacted')
        })
      }),
    )

  actor.addCommand(controlCommand(reach, miner))
  for (const command of changeWorkerCommands(reach, miner)) actor.addCommand(command)
  for (const command of beneficiaryCommands(reach, miner)) actor.addCommand(command)
  return actor
}

function withdraw(
  reach: Reach,
  miner: number,
  wanted: bigint | undefined,
  options: { confidence: number; beneficiary: boolean; exid?: string; dryRun: boolean },
): Promise<void> {
  return reach.chain(async chain => {
    const to = Address.fromId(miner)
    const info = await chain.StateMinerInfo(to, [])
    const available = await chain.StateMinerAvailableBalance(to, [])
    const amount = wanted ?? available
    if (amount > available)
      throw new Error(
        `can't withdraw more funds than available; requested: ${formatFil(amount)}; available: ${formatFil(available)}`,
      )
    if (amount === 0n) throw new Error('nothing can be withdrawn: the available balance is 0 FIL')
    const from = options.beneficiary ? info.Beneficiary : info.Owner
    await reach.manager(async (_, sealyard) => {
      const params = WithdrawBalanceParams.encode({ AmountRequested: amount })
      const { exid } = options
      const wish = { from, to, miner, method: METHODS.miner.WithdrawBalance, params, exid, repeat: true }
      const shown = await showMessage(sealyard, wish)
      if (options.dryRun) return
      const { Uid } = await sendShown(sealyard, shown, id => `Requested rewards withdrawal in message ${id}`)
      say(`waiting for ${options.confidence} epochs for confirmation..`)
      const landed = await awaitSuccess(sealyard, Uid, 'withdrawal failed!', options.confidence)
      const withdrawn = landed.Receipt?.Return ? bigInt.decode(landed.Receipt.Return) : 0n
      say(`Successfully withdrew ${formatFil(withdrawn)} `)
      if (withdrawn < amount) say(`Note that this is less than the requested amount of ${formatFil(amount)}`)
    })
  })
}

async function feeDebt(chain: ChainApi, miner: Address): Promise<bigint> {
  const { State } = await chain.StateReadState(miner, [])
  const debt = (State as { FeeDebt?: unknown } | null)?.FeeDebt
  if (typeof debt !== 'string' || !/^\d+$/.test(debt))
    throw new Error('the node does not tell what the miner owes: give the amount')
  return BigInt(debt)
}

async function numbersToMask(
  chain: ChainApi,
  miner: Address,
  { maskLastOffset, maskUptoN }: { maskLastOffset?: number; maskUptoN?: number },
): Promise<Bitfield> {
  if (maskLastOffset !== undefined && maskUptoN !== undefined) throw new Error('more than one mask flag set')
  if (maskUptoN !== undefined) {
    if (maskUptoN === 0 || maskUptoN > HIGHEST_MASKED)
      throw new Error(`--mask-upto-n: expected 1 to ${HIGHEST_MASKED}, found ${maskUptoN}`)
    return Bitfield.range(0, maskUptoN)
  }
  if (maskLastOffset === undefined) throw new Error("no 'mask' flags set: give --mask-last-offset or --mask-upto-n")
  const last = (await chain.StateMinerAllocated(miner, []))?.last
  if (last === undefined) throw new Error('the miner has used no sector numbers')
  if (last <= maskLastOffset + 1)
    throw new Error(`highest allocated sector lower than mask offset ${maskLastOffset + 1}: ${last}`)
  if (last > HIGHEST_MASKED) throw new Error(`very high last sector number, refusing to mask: ${last}`)
  return Bitfield.range(0, last - maskLastOffset)
}
