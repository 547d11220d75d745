import { Address } from '../../../rpc-schema/wire/address.js'
import { FIL, formatFil } from '../../../rpc-schema/wire/token-amount.js'
import { withoutTokens } from '../../kit/config/hidden.js'
import { isPublicNetwork } from '../chain/network-name.js'
import { networkRules } from '../chain/network-version.js'
import { type DoctorFinding, fail, ok, warn } from './finding.js'
import type { Patient } from './patient.js'

const HEAD_AGE = { oldEpochs: 5 } as const
/** A clock that is so far behind the newest block is wrong. */
const CLOCK_BEHIND_SECONDS = 30
/** As `actor control list` colours them. */
const BALANCE = { least: 10n * FIL, good: 50n * FIL } as const

export async function nodeSync({ node, clock }: Patient): Promise<DoctorFinding[]> {
  const [head, params, network, version] = await Promise.all([
    node.api.ChainHead(),
    node.params(),
    node.api.StateNetworkName().catch(() => ''),
    node.api.Version().then(
      ({ Version }) => Version,
      () => 'unknown version',
    ),
  ])
  const where = `${withoutTokens(node.url)} (${version})`
  const newest = Math.max(...head.Blocks.map(({ Timestamp }) => Timestamp))
  const age = clock.now() / 1_000 - newest
  const epochs = Math.floor(age / params.BlockDelaySecs)
  const sync =
    epochs > HEAD_AGE.oldEpochs
      ? warn(
          `${where}: its head ${head.Height} is ${epochs} epochs old`,
          'let it synchronize, or look whether the chain stands still',
        )
      : ok(`${where}: head ${head.Height}`)
  return [sync, clockBehind(-age, isPublicNetwork(network))]
}

/** A private network may make its epochs faster than their timestamps say, and then no clock keeps up with it. */
function clockBehind(seconds: number, isPublic: boolean): DoctorFinding {
  if (seconds <= CLOCK_BEHIND_SECONDS) return ok('the clock of this machine is not behind the chain')
  const about = `the clock of this machine is ${Math.round(seconds)} s behind the newest block`
  return isPublic
    ? fail(about, 'synchronize it (chrony, ntpd)')
    : warn(about, 'nothing when this private network runs faster than its nominal pace, else synchronize the clock')
}

export async function network({ node }: Patient): Promise<DoctorFinding[]> {
  const version = await node.api.StateNetworkVersion([])
  try {
    networkRules(version)
    return [ok(`network version ${version}`)]
  } catch (error) {
    return [fail((error as Error).message, 'use a version of the manager that knows this network')]
  }
}

type Role = readonly [address: Address, role: string]

/** The addresses that may pay for a miner, with what they have, and what the miner itself has. */
export async function balances({ node, setup }: Patient): Promise<DoctorFinding[]> {
  const { api } = node
  const found: DoctorFinding[] = []
  for (const [miner, config] of setup.miners) {
    const address = Address.fromId(miner)
    const info = await api.StateMinerInfo(address, [])
    const available = await api.StateMinerAvailableBalance(address, [])
    found.push(
      available < 0n
        ? fail(
            `f0${miner}: ${formatFil(available)} available, it is in debt`,
            `damocles-manager util sealer actor --miner ${miner} repay-debt`,
          )
        : ok(`f0${miner}: ${formatFil(available)} available`),
    )
    const entitled: Role[] = [
      [info.Worker, 'worker'],
      ...info.ControlAddresses.map((control): Role => [control, 'control']),
      [info.Owner, 'owner'],
    ]
    const idOf = (one: Address): Promise<Address> => (one.isId ? Promise.resolve(one) : api.StateLookupID(one, []))
    const ids = await Promise.all(entitled.map(async ([one, role]): Promise<Role> => [await idOf(one), role]))
    const { Pre, Prove, Terminate } = config.Commitment
    const configured = [Pre, Prove, Terminate, config.SnapUp, config.PoSt].flatMap(({ Sender, Senders }) => [
      ...(Senders ?? []),
      ...(Sender === null ? [] : [Sender]),
    ])
    const paying = new Map(
      ids.filter(([, role]) => role !== 'owner').map(([id, role]) => [id.toString(), { id, role }]),
    )
    for (const sender of configured) {
      const id = await idOf(sender).catch(() => undefined)
      if (id === undefined) {
        found.push(
          fail(`f0${miner}: the chain does not know the sender ${sender}`, 'send something to it, or correct Senders'),
        )
        continue
      }
      const role = ids.find(([other]) => other.equals(id))?.[1]
      if (role === undefined)
        found.push(
          fail(
            `f0${miner}: the sender ${sender} is neither its owner nor its worker nor a control address`,
            `damocles-manager util sealer actor --miner ${miner} control set, or correct Senders`,
          ),
        )
      else paying.set(id.toString(), { id, role })
    }
    for (const { id, role } of paying.values()) {
      const balance = await api.StateGetActor(id, []).then(
        ({ Balance }) => Balance,
        () => 0n,
      )
      const about = `f0${miner}: ${role} ${id} has ${formatFil(balance)}`
      const remedy = 'send funds to it: messages wait without'
      if (balance < BALANCE.least) found.push(fail(about, remedy))
      else found.push(balance < BALANCE.good ? warn(about, remedy) : ok(about))
    }
  }
  return found
}
