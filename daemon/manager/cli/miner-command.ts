import { multiaddr } from '@multiformats/multiaddr'
import { Command } from 'commander'
import { base58btc } from 'multiformats/bases/base58'
import { CID } from 'multiformats/cid'
import { z } from 'zod'
import { METHODS } from '../../../rpc-schema/actors/actor-methods.js'
import { CreateMinerParams, CreateMinerReturn } from '../../../rpc-schema/actors/power.js'
import { StateMinerInfo } from '../../../rpc-schema/chain/miner-info.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { SEAL_PROOFS } from '../../../rpc-schema/wire/proof-types.js'
import { parseByteSize } from '../../kit/config/byte-size.js'
import { addressArgument } from './arguments.js'
import type { Reach } from './reach.js'
import { awaitSuccess, sendShown, showMessage } from './send-message.js'
import { say, sayJson } from './talk.js'

const POWER_ACTOR = 4
/** Window PoSt proofs of miners since network 19 are this much above those of the first kind. */
const GRINDABILITY_FIX = 5

interface CreateOptions {
  from: Address
  owner?: Address
  worker?: Address
  sectorSize: string
  peer?: string
  multiaddr: string[]
  exid?: string
  depositMarginFactor: string
  dryRun: boolean
}

/** `util miner`. */
export function minerCommand(reach: Reach): Command {
  const miner = new Command('miner').description('Miner-related utilities')
  miner
    .command('info')
    .description('Print miner info')
    .argument('<miner address>', 'the miner', addressArgument)
    .option('--json', 'as JSON', false)
    .action((address: Address, options: { json: boolean }) =>
      reach.chain(async chain => {
        const info = await chain.StateMinerInfo(address, [])
        if (options.json) return sayJson(z.encode(StateMinerInfo, info))
        say(infoText(address, info))
      }),
    )
  miner
    .command('create')
    .description('Create a new miner_id by sending message')
    .requiredOption('--from <address>', 'Wallet address used for sending the CreateMiner message', addressArgument)
    .option('--owner <address>', 'who is to own it; default: the sender', addressArgument)
    .option('--worker <address>', 'who is to sign for it; default: the owner', addressArgument)
    .requiredOption('--sector-size <size>', 'Sector size of the miner, 512MiB, 32GiB, 64GiB, etc')
    .option('--peer <id>', 'P2P peer id of the miner')
    .option('--multiaddr <address...>', 'P2P peer address of the miner', [])
    .option('--exid <id>', 'extra identifier: makes the message another one than the same without it')
    .option(
      '--deposit-margin-factor <factor>',
      'Multiplier (>=1.0) to scale the suggested deposit for on-chain variance (e.g. 1.01 adds 1%)',
      '1.01',
    )
    .option('--dry-run', 'show the message and what it costs, send nothing', false)
    .action((options: CreateOptions) => create(reach, options))
  return miner
}

function infoText(address: Address, info: StateMinerInfo): string {
  const lines = [
    `Miner: ${address}`,
    `Owner: ${info.Owner}`,
    `Worker: ${info.Worker}`,
    `NewWorker: ${info.NewWorker}`,
    `Controls(${info.ControlAddresses.length}):`,
    ...info.ControlAddresses.map(control => `\t${control}`),
  ]
  if (!info.Beneficiary.isEmpty) {
    lines.push('', `Beneficiary:\t${info.Beneficiary}`)
    if (!info.Beneficiary.equals(info.Owner))
      lines.push(
        `Beneficiary Quota:\t${info.BeneficiaryTerm?.Quota ?? 0n}`,
        `Beneficiary Used Quota:\t${info.BeneficiaryTerm?.UsedQuota ?? 0n}`,
        `Beneficiary Expiration:\t${info.BeneficiaryTerm?.Expiration ?? 0}`,
      )
  }
  const pending = info.PendingBeneficiaryTerm
  if (pending !== null)
    lines.push(
      'Pending Beneficiary Term:',
      `New Beneficiary:\t${pending.NewBeneficiary}`,
      `New Quota:\t${pending.NewQuota}`,
      `New Expiration:\t${pending.NewExpiration}`,
      `Approved By Beneficiary:\t${pending.ApprovedByBeneficiary}`,
      `Approved By Nominee:\t${pending.ApprovedByNominee}`,
    )
  lines.push('', `WokerChangeEpoch: ${info.WorkerChangeEpoch}`)
  if (info.PeerId !== null) lines.push(`PeerID: ${info.PeerId}`)
  lines.push(
    `Multiaddrs(${info.Multiaddrs.length}):`,
    ...info.Multiaddrs.map(bytes => `\t${multiaddrText(bytes)}`),
    `SectorSize: ${info.SectorSize}`,
    `WindowPoStPartitionSectors: ${info.WindowPoStPartitionSectors}`,
  )
  return lines.join('\n')
}

function multiaddrText(bytes: Uint8Array): string {
  try {
    return multiaddr(bytes).toString()
  } catch (error) {
    return `Invalid Multiaddrs: ${(error as Error).message}`
  }
}

function create(reach: Reach, options: CreateOptions): Promise<void> {
  const sectorSize = parseByteSize(options.sectorSize)
  const proof = SEAL_PROOFS.find(row => row.sectorSize === sectorSize)
  if (proof === undefined) throw new Error(`--sector-size: no sector has ${options.sectorSize}`)
  const peer = options.peer === undefined ? new Uint8Array() : peerIdBytes(options.peer)
  const multiaddrs = options.multiaddr.map(multiaddrBytes)
  return reach.chain(async chain => {
    const from = await chain.StateLookupID(options.from, [])
    const owner = options.owner ?? from
    const value = scaled(await chain.StateMinerCreationDeposit([]), options.depositMarginFactor)
    await reach.manager(async (_, sealyard) => {
      const params = CreateMinerParams.encode({
        Owner: owner,
        Worker: options.worker ?? owner,
        WindowPoStProofType: proof.windowPoSt + GRINDABILITY_FIX,
        Peer: peer,
        Multiaddrs: multiaddrs,
      })
      const to = Address.fromId(POWER_ACTOR)
      const method = METHODS.power.CreateMiner
      const { exid } = options
      const shown = await showMessage(sealyard, { from, to, miner: 0, method, params, value, exid, repeat: false })
      if (options.dryRun) return
      const { Uid } = await sendShown(sealyard, shown, id => `Message ID: ${id}`)
      const landed = await awaitSuccess(sealyard, Uid, 'the miner was not created')
      if (!landed.Receipt?.Return) throw new Error(`the message ${landed.Cid} landed, but does not tell the new miner`)
      const { IDAddress, RobustAddress } = CreateMinerReturn.decode(landed.Receipt.Return)
      say(`miner actor: ${IDAddress} (${RobustAddress})`)
    })
  })
}

/** An amount times a factor with at most three decimals, rounded up. */
function scaled(amount: bigint, factor: string): bigint {
  const match = /^(\d{1,3})(?:\.(\d{1,3}))?$/.exec(factor)
  const thousandths = match ? BigInt(match[1]! + (match[2] ?? '').padEnd(3, '0')) : 0n
  if (thousandths < 1000n)
    throw new Error('--deposit-margin-factor: expected a number of at least 1 with at most three decimals')
  return (amount * thousandths + 999n) / 1000n
}

/** `12D3KooW…` and `Qm…` are multihashes in base58; `bafz…` is a CID around one. */
function peerIdBytes(text: string): Uint8Array {
  try {
    if (text.startsWith('1') || text.startsWith('Qm')) return base58btc.baseDecode(text)
    return CID.parse(text).multihash.bytes
  } catch (error) {
    throw new Error(`--peer: parse peer id ${text}: ${(error as Error).message}`, { cause: error })
  }
}

/** The peer's id is told by itself, not with its addresses. */
function multiaddrBytes(text: string): Uint8Array {
  try {
    const given = multiaddr(text)
    const at = given.getComponents().findIndex(component => component.name === 'p2p')
    return (at < 0 ? given : multiaddr(given.getComponents().slice(0, at))).bytes
  } catch (error) {
    throw new Error(`--multiaddr: parse multiaddr ${text}: ${(error as Error).message}`, { cause: error })
  }
}
