import { styleText } from 'node:util'
import { Command } from 'commander'
import { METHODS } from '../../../rpc-schema/actors/actor-methods.js'
import { ChangeWorkerAddressParams } from '../../../rpc-schema/actors/miner-control.js'
import type { MinerConfig } from '../../../rpc-schema/manager/miner-config.js'
import { RpcError } from '../../../rpc-schema/rpc/error.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { FIL, formatFil } from '../../../rpc-schema/wire/token-amount.js'
import { tableText } from '../../kit/terminal/table.js'
import type { ChainApi } from '../chain/chain-node.js'
import { addressArgument } from './arguments.js'
import type { Reach } from './reach.js'
import { REALLY_DO_IT, sendShown, showMessage } from './send-message.js'
import { say, sayJson } from './talk.js'

interface ControlRow {
  readonly name: string
  readonly id: Address
  readonly key: Address
  readonly use: readonly string[]
  readonly balance: bigint
}

/** Which settings name senders, and what the table calls them. */
const ROLES = [
  ['precommit', (setup: MinerConfig) => setup.Commitment.Pre],
  ['provecommit', (setup: MinerConfig) => setup.Commitment.Prove],
  ['terminate', (setup: MinerConfig) => setup.Commitment.Terminate],
  ['post', (setup: MinerConfig) => setup.PoSt],
  ['snapup', (setup: MinerConfig) => setup.SnapUp],
] as const

/** `util sealer actor control`. */
export function controlCommand(reach: Reach, miner: () => number): Command {
  const control = new Command('control').description('Manage control addresses')
  control
    .command('list')
    .description('Get currently set control addresses')
    .option('--verbose', 'the whole key', false)
    .option('--color', 'use color in display output; default: when it goes to a terminal')
    .option('--no-color', 'no color')
    .option('--json', 'as JSON', false)
    .action((options: { verbose: boolean; color?: boolean; json: boolean }, command: Command) =>
      reach.chain(chain =>
        reach.manager(async manager => {
          const rows = await controlRows(chain, miner(), await manager.GetMinerConfig(miner()))
          if (options.json) return sayJson(rows.map(asJson))
          const chosen = command.getOptionValueSource('color') === 'cli'
          say(controlText(rows, options.verbose, chosen ? options.color === true : process.stdout.isTTY))
        }),
      ),
    )
  control
    .command('set')
    .description('Set control address(-es)')
    .argument('[addresses...]', 'all that are to be control addresses; none takes all away')
    .option('--really-do-it', 'Actually send transaction performing the action', false)
    .action((given: string[], options: { reallyDoIt: boolean }) =>
      reach.chain(async chain => {
        const to = Address.fromId(miner())
        const info = await chain.StateMinerInfo(to, [])
        const wanted = await Promise.all(given.map(async text => existing(chain, addressArgument(text))))
        const before = await Promise.all(info.ControlAddresses.map(address => existing(chain, address)))
        const isIn = (list: readonly { key: Address }[], key: Address): boolean =>
          list.some(other => other.key.equals(key))
        for (const { key } of before) if (!isIn(wanted, key)) say(`Remove ${key}`)
        for (const { key } of wanted) if (!isIn(before, key)) say(`Add ${key}`)
        await reach.manager(async (_, sealyard) => {
          const params = ChangeWorkerAddressParams.encode({
            NewWorker: info.Worker,
            NewControlAddrs: wanted.map(({ id }) => id),
          })
          const method = METHODS.miner.ChangeWorkerAddress
          const wish = { from: info.Owner, to, miner: miner(), method, params, repeat: true }
          const shown = await showMessage(sealyard, wish)
          if (!options.reallyDoIt) return say(REALLY_DO_IT)
          await sendShown(sealyard, shown, id => `Message ID: ${id}`)
        })
      }),
    )
  return control
}

/** An account with both of its addresses. Throws when the chain does not have it. */
async function existing(chain: ChainApi, address: Address): Promise<{ id: Address; key: Address }> {
  try {
    const id = await chain.StateLookupID(address, [])
    return { id, key: await chain.StateAccountKey(id, []) }
  } catch (error) {
    if (!(error instanceof RpcError)) throw error
    throw new Error(`looking up ${address}: ${errorText(error)}`, { cause: error })
  }
}

async function controlRows(chain: ChainApi, miner: number, setup: MinerConfig): Promise<ControlRow[]> {
  const info = await chain.StateMinerInfo(Address.fromId(miner), [])
  const named: [string, Address][] = [
    ['owner', info.Owner],
    ['worker', info.Worker],
    ['beneficiary', info.Beneficiary],
    ...info.ControlAddresses.map((address, at): [string, Address] => [`control-${at}`, address]),
  ]
  const idOf = (address: Address): Promise<Address | undefined> =>
    address.isId ? Promise.resolve(address) : chain.StateLookupID(address, []).catch(() => undefined)
  const senders = await Promise.all(
    ROLES.map(async ([role, of]) => {
      const { Sender, Senders } = of(setup)
      const ids = await Promise.all([...(Senders ?? []), ...(Sender === null ? [] : [Sender])].map(idOf))
      return { role, ids }
    }),
  )
  return Promise.all(
    named.map(async ([name, address]): Promise<ControlRow> => {
      const { Balance } = await chain.StateGetActor(address, [])
      // A multisig has no key.
      const key = await chain.StateAccountKey(address, []).catch(() => address)
      const roles = senders.filter(({ ids }) => ids.some(id => id?.equals(address))).map(({ role }) => role)
      const use = [...(address.equals(info.Worker) ? ['other'] : []), ...roles]
      return { name, id: address, key, use, balance: Balance }
    }),
  )
}

const asJson = ({ name, id, key, use, balance }: ControlRow) => ({
  Name: name,
  ID: id.toString(),
  Key: key.toString(),
  Use: use,
  Balance: balance.toString(),
})

function controlText(rows: readonly ControlRow[], verbose: boolean, color: boolean): string {
  const paint = (balance: bigint): string => {
    const tone = balance < 10n * FIL ? 'red' : balance < 50n * FIL ? 'yellow' : 'green'
    return color ? styleText(tone, formatFil(balance), { validateStream: false }) : formatFil(balance)
  }
  const short = (key: string): string => (verbose || key.length <= 9 ? key : `${key.slice(0, 6)}...`)
  return tableText(
    ['name', 'ID', 'key', 'use', 'balance'],
    rows.map(({ name, id, key, use, balance }) => [
      name,
      id.toString(),
      short(key.toString()),
      use.join(' '),
      paint(balance),
    ]),
  )
}
