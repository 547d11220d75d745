import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import { parseEndpoint } from '../../../../rpc-schema/rpc/endpoint.js'
import { errorText } from '../../../../rpc-schema/seal-error.js'
import { Address } from '../../../../rpc-schema/wire/address.js'
import { systemClock } from '../../../kit/clock.js'
import { withoutTokens } from '../../../kit/config/hidden.js'
import { silentLog } from '../../../kit/log.js'
import { addAttachedPath } from '../../../kit/sealing/attached-paths.js'
import { writeIdentity } from '../../../kit/sealing/path-identity.js'
import { ChainNode } from '../../chain/chain-node.js'
import { isNetwork } from '../../chain/network-name.js'
import { withDeadline } from '../../concurrency/deadline.js'
import type { ManagerHome } from '../../config/home.js'
import { minerArgument } from '../arguments.js'
import { say } from '../talk.js'
import { type InitAnswers, initialConfigText } from './initial-config.js'
import { type SealerFlags, sealerHome } from './sealer-home.js'

interface InitFlags {
  actor?: number
  nodeUrl: string
  nodeToken?: string
  messagerUrl?: string
  messagerToken?: string
  gatewayUrl: string[]
  gatewayToken?: string
  marketUrl?: string
  marketToken?: string
  marketMode?: string
  authToken?: string
  localStorage: boolean
  nosync: boolean
}

const ASK_LIMIT_MS = 30_000

function addressOption(text: string): string {
  try {
    parseEndpoint(text)
    return text
  } catch (error) {
    throw new InvalidArgumentError(`${(error as Error).message}.`)
  }
}

const addressesOption = (text: string, before: string[]): string[] => [
  ...before,
  ...text.split(',').map(part => addressOption(part.trim())),
]

/** `init`: a home with what the flags say. */
export const initCommand = (flagsOf: () => SealerFlags): Command =>
  new Command('init')
    .description('Make a home: config.toml with the miner and the addresses of the services')
    .option('--actor <miner>', 'the miner, which is on the chain already', minerArgument)
    .requiredOption('--node-url <address>', 'the chain node, as in /ip4/127.0.0.1/tcp/3453', addressOption)
    .option('--node-token <token>', 'its token, when it is another than --auth-token')
    .option('--messager-url <address>', 'the messager; without one messages go through the node', addressOption)
    .option('--messager-token <token>', 'its token, when it is another than --auth-token')
    .addOption(
      new Option('--gateway-url <address>', 'a gateway; may be repeated')
        .argParser(addressesOption)
        .default([], 'none'),
    )
    .option('--gateway-token <token>', 'their token, when it is another than --auth-token')
    .option('--market-url <address>', 'the market; with one, sectors take deals', addressOption)
    .option('--market-token <token>', 'its token, when it is another than --auth-token')
    .option('--market-mode <mode>', 'not needed: solo and pool work the same')
    .option('--auth-token <token>', 'token for all of them')
    .option('--no-local-storage', 'the home itself is no place for sealed sectors')
    .option('--nosync', 'write the home without asking the node for the miner', false)
    .action((flags: InitFlags, command: Command) => {
      const all = { ...flagsOf(), ...(flags.actor !== undefined && { actor: flags.actor }) }
      // `--actor` is a flag of the program, too, and stands on either side of `init`.
      if (all.actor === undefined) command.error("error: required option '--actor <miner>' not specified")
      return init(sealerHome(all), all.actor!, flags, all.network)
    })

async function init(home: ManagerHome, actor: number, flags: InitFlags, network: string | undefined): Promise<void> {
  if (existsSync(home.configFile)) throw new Error(`${home.configFile} already exists, it is left as it is`)
  const token = flags.authToken ?? ''
  const answers: InitAnswers = {
    actor,
    node: { url: flags.nodeUrl, token: flags.nodeToken ?? token },
    messager: { url: flags.messagerUrl ?? '', token: flags.messagerToken ?? token },
    gateway: { urls: flags.gatewayUrl, token: flags.gatewayToken ?? token },
    market: { url: flags.marketUrl ?? '', token: flags.marketToken ?? token },
  }
  if (!flags.nosync) await askNode(answers, network)
  mkdirSync(home.dir, { recursive: true })
  // It holds tokens.
  writeFileSync(home.configFile, initialConfigText(answers), { flag: 'wx', mode: 0o600 })
  if (flags.localStorage) {
    if (!existsSync(join(home.dir, 'sectorstore.json')))
      writeIdentity(home.dir, { Weight: 10, CanSeal: false, CanStore: true })
    await addAttachedPath(home.dir, home.dir)
  }
  say(home.configFile)
  say('Sealer successfully created, you can now start it with `venus-sealer run`')
}

/** Whether the miner is on the chain, and the chain is the one that is meant: found out now, not with the first sector. */
async function askNode({ actor, node }: InitAnswers, network: string | undefined): Promise<void> {
  const chain = ChainNode.connect([node.url], { token: node.token, clock: systemClock, log: silentLog })
  const ask = async (): Promise<string> => {
    const name = await chain.api.StateNetworkName()
    if (network === undefined || isNetwork(network, name)) await chain.api.StateMinerInfo(Address.fromId(actor), [])
    return name
  }
  let name: string
  try {
    name = await withDeadline(`asking ${withoutTokens(node.url)}`, ASK_LIMIT_MS, ask())
  } catch (error) {
    throw new Error(
      `the node cannot be asked for the miner f0${actor}: ${errorText(error)}; pass --nosync to write the home all the same`,
      { cause: error },
    )
  } finally {
    await chain.close()
  }
  if (network !== undefined && !isNetwork(network, name))
    throw new Error(`the node is on the network ${name}, not on ${network}; nothing has been written`)
}
