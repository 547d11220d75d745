import { Command } from 'commander'
import { METHODS } from '../../../rpc-schema/actors/actor-methods.js'
import { ChangeBeneficiaryParams } from '../../../rpc-schema/actors/miner-control.js'
import type { PendingBeneficiaryChange } from '../../../rpc-schema/chain/miner-info.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { formatFil } from '../../../rpc-schema/wire/token-amount.js'
import type { ChainApi } from '../chain/chain-node.js'
import { addressArgument, filArgument, numberArgument } from './arguments.js'
import type { Reach } from './reach.js'
import { awaitSuccess, REALLY_DO_IT, sendShown, showMessage, type Wish } from './send-message.js'
import { say } from './talk.js'

const GUARD = 'Actually send transaction performing the action'
const HINT = `${REALLY_DO_IT}. Review what you're about to approve CAREFULLY please`
const FAILED = 'propose beneficiary change failed'

/** `util sealer actor propose-change-beneficiary` and `confirm-change-beneficiary`. */
export const beneficiaryCommands = (reach: Reach, miner: () => number): Command[] => [
  new Command('propose-change-beneficiary')
    .description('Propose a beneficiary address change')
    .argument('<beneficiaryAddress>', 'who is to get what is withdrawn', addressArgument)
    .argument('<quota>', 'FIL in all', filArgument)
    .argument('<expiration>', 'epoch from which on it gets nothing', numberArgument)
    .option('--really-do-it', GUARD, false)
    .option('--overwrite-pending-change', 'Overwrite the current beneficiary change proposal', false)
    .action((address: Address, quota: bigint, expiration: number, options: ProposeOptions) =>
      propose(reach, miner(), { address, quota, expiration }, options),
    ),
  new Command('confirm-change-beneficiary')
    .description('Confirm a beneficiary address change')
    .option('--really-do-it', GUARD, false)
    .option('--existing-beneficiary', 'send confirmation from the existing beneficiary address', false)
    .option('--new-beneficiary', 'send confirmation from the new beneficiary address', false)
    .action((options: ConfirmOptions) => confirm(reach, miner(), options)),
]

interface ProposeOptions {
  reallyDoIt: boolean
  overwritePendingChange: boolean
}

interface ConfirmOptions {
  reallyDoIt: boolean
  existingBeneficiary: boolean
  newBeneficiary: boolean
}

function propose(
  reach: Reach,
  miner: number,
  wanted: { address: Address; quota: bigint; expiration: number },
  options: ProposeOptions,
): Promise<void> {
  return reach.chain(async chain => {
    const to = Address.fromId(miner)
    const beneficiary = await chain.StateLookupID(wanted.address, [])
    const info = await chain.StateMinerInfo(to, [])
    if (info.Beneficiary.equals(info.Owner) && beneficiary.equals(info.Owner))
      throw new Error(`beneficiary ${info.Beneficiary} already set to owner address`)
    if (info.PendingBeneficiaryTerm !== null) {
      say('WARNING: replacing Pending Beneficiary Term of:')
      sayTerm(info.PendingBeneficiaryTerm)
      if (!options.overwritePendingChange)
        throw new Error(
          'must pass --overwrite-pending-change to replace current pending beneficiary change. Please review CAREFULLY',
        )
    }
    const params = ChangeBeneficiaryParams.encode({
      NewBeneficiary: beneficiary,
      NewQuota: wanted.quota,
      NewExpiration: wanted.expiration,
    })
    await change(reach, chain, { from: info.Owner, to, miner, params }, beneficiary, options)
  })
}

function confirm(reach: Reach, miner: number, options: ConfirmOptions): Promise<void> {
  return reach.chain(async chain => {
    const to = Address.fromId(miner)
    const info = await chain.StateMinerInfo(to, [])
    const pending = info.PendingBeneficiaryTerm
    if (pending === null) throw new Error(`no pending beneficiary term found for miner ${to}`)
    if (options.existingBeneficiary === options.newBeneficiary)
      throw new Error('must pass exactly one of --existing-beneficiary or --new-beneficiary')
    if (options.existingBeneficiary && pending.ApprovedByBeneficiary)
      throw new Error('beneficiary change already approved by current beneficiary')
    if (options.newBeneficiary && pending.ApprovedByNominee)
      throw new Error('beneficiary change already approved by new beneficiary')
    const from = options.existingBeneficiary ? info.Beneficiary : pending.NewBeneficiary
    say('Confirming Pending Beneficiary Term of:')
    sayTerm(pending)
    const { NewBeneficiary, NewQuota, NewExpiration } = pending
    const params = ChangeBeneficiaryParams.encode({ NewBeneficiary, NewQuota, NewExpiration })
    await change(reach, chain, { from, to, miner, params }, NewBeneficiary, options)
  })
}

function sayTerm({ NewBeneficiary, NewQuota, NewExpiration }: PendingBeneficiaryChange): void {
  say(`Beneficiary:  ${NewBeneficiary}`)
  say(`Quota: ${formatFil(NewQuota)}`)
  say(`Expiration Epoch: ${NewExpiration}`)
}

async function change(
  reach: Reach,
  chain: ChainApi,
  message: Pick<Wish, 'from' | 'to' | 'miner' | 'params'>,
  beneficiary: Address,
  { reallyDoIt }: { reallyDoIt: boolean },
): Promise<void> {
  await reach.manager(async (_, sealyard) => {
    const shown = await showMessage(sealyard, { ...message, method: METHODS.miner.ChangeBeneficiary, repeat: true })
    if (!reallyDoIt) return say(HINT)
    const { Uid } = await sendShown(sealyard, shown, id => `Propose Message ID: ${id}`)
    await awaitSuccess(sealyard, Uid, FAILED)
    const after = await chain.StateMinerInfo(message.to, [])
    const isDone = after.PendingBeneficiaryTerm === null && after.Beneficiary.equals(beneficiary)
    say(
      isDone
        ? 'Beneficiary address successfully changed'
        : 'Beneficiary address change awaiting additional confirmations',
    )
  })
}
