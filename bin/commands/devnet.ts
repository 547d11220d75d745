import { resolve } from 'node:path'
import { Argument, Command, InvalidArgumentError, Option } from 'commander'
import { CID } from 'multiformats/cid'
import { z } from 'zod'
import { NETWORK_VERSION } from '../../daemon/devnet/chain/policy.js'
import {
  DEFAULT_CHALLENGE_DELAY,
  DEFAULT_CHALLENGE_WINDOW,
  DEFAULT_DEADLINES,
  DEFAULT_EPOCH_MS,
  DEFAULT_START_EPOCH,
  type DevnetOptions,
  startDevnet,
} from '../../daemon/devnet/devnet.js'
import { runDaemon } from '../../daemon/kit/lifecycle.js'
import { createLog } from '../../daemon/kit/log.js'
import { devnetService, ENDPOINTS, FAULTS } from '../../rpc-schema/devnet/index.js'
import { rpcClient } from '../../rpc-schema/rpc/client.js'
import { connectRpc } from '../../rpc-schema/rpc/connection.js'
import type { Client } from '../../rpc-schema/rpc/method.js'
import { errorText } from '../../rpc-schema/seal-error.js'
import { Address } from '../../rpc-schema/wire/address.js'
import { parseFil } from '../../rpc-schema/wire/token-amount.js'

const DEFAULT_LISTEN = '127.0.0.1:1234'
/** Advancing far, or importing a big piece, takes its time. */
const CALL_TIMEOUT_MS = 600_000

/** `sealyard devnet`: runs a simulated chain, and steers one that runs. */
export function devnetCommand(): Command {
  const devnet = new Command('devnet').description('a simulated chain for development and tests')
  devnet.addCommand(runCommand())
  for (const command of adminCommands()) devnet.addCommand(command)
  return devnet
}

/** A whole number of at least `least`. */
const integer =
  (least: number) =>
  (text: string): number => {
    const value = Number(text)
    if (!Number.isSafeInteger(value) || value < least)
      throw new InvalidArgumentError(`expected a number from ${least} on`)
    return value
  }

function listenAddress(text: string): { host: string; port: number } {
  const match = /^(.+):(\d{1,5})$/.exec(text)
  if (match === null || Number(match[2]) > 65_535) throw new InvalidArgumentError('expected HOST:PORT')
  return { host: match[1]!.replace(/^\[|\]$/g, ''), port: Number(match[2]) }
}

function filAmount(text: string): bigint {
  try {
    return parseFil(text)
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message)
  }
}

const SIZES: Readonly<Record<string, number>> = { '2KiB': 2048, '8MiB': 8 << 20, '512MiB': 512 << 20 }

/** `1000,1001:8MiB` */
function minerList(text: string): NonNullable<DevnetOptions['miners']> {
  return text.split(',').map(entry => {
    const match = /^[ft]?0*(\d+)(?::(\w+))?$/.exec(entry.trim())
    const sectorSize = SIZES[match?.[2] ?? '2KiB']
    if (match === null || sectorSize === undefined || Number(match[1]) < 1000) {
      throw new InvalidArgumentError(
        `${JSON.stringify(entry)}: expected ID or ID:SIZE, the id from 1000 on, the size one of ${Object.keys(SIZES).join(', ')}`,
      )
    }
    return { id: Number(match[1]), sectorSize }
  })
}

interface RunOptions {
  home: string
  listen: { host: string; port: number }
  epochMs: number
  manual?: true
  miners?: NonNullable<DevnetOptions['miners']>
  minerBalance?: bigint
  startEpoch: number
  challengeDelay: number
  challengeWindow: number
  deadlines: number
  networkVersion: number
  trustPosts?: true
  networkSeed?: string
}

function runCommand(): Command {
  return new Command('run')
    .description('run a simulated chain; prints one JSON line when it is ready')
    .requiredOption('--home <dir>', 'directory of the chain; an existing chain goes on')
    .addOption(
      new Option('--listen <host:port>', 'port 0 picks a free one')
        .argParser(listenAddress)
        .default(listenAddress(DEFAULT_LISTEN), DEFAULT_LISTEN),
    )
    .option('--epoch-ms <ms>', 'real time from one epoch to the next', integer(1), DEFAULT_EPOCH_MS)
    .option('--manual', 'only `advance` makes epochs')
    .option('--miners <list>', 'storage providers of a new chain, as 1000,1001:8MiB (default: 1000)', minerList)
    .option('--miner-balance <fil>', 'what each miner of a new chain begins with (default: 10000 FIL)', filAmount)
    .option('--start-epoch <epoch>', 'first epoch of a new chain', integer(1), DEFAULT_START_EPOCH)
    .option(
      '--challenge-delay <epochs>',
      'from a pre-commit to its seed, on a new chain',
      integer(1),
      DEFAULT_CHALLENGE_DELAY,
    )
    .option('--challenge-window <epochs>', 'length of a deadline, on a new chain', integer(2), DEFAULT_CHALLENGE_WINDOW)
    .option('--network-version <version>', 'of a new chain', integer(16), NETWORK_VERSION)
    .option('--deadlines <count>', 'deadlines of a proving period, on a new chain', integer(4), DEFAULT_DEADLINES)
    .option('--trust-posts', 'on a new chain, take window proofs on trust as real networks do: they can be disputed')
    .option('--network-seed <text>', 'source of all keys and randomness of a new chain (default: random)')
    .action(async ({ home, ...options }: RunOptions) => {
      const log = createLog({ name: 'devnet' })
      await runDaemon({ log, start: () => startDevnet({ ...options, home: resolve(home), log }) })
    })
}

type Admin = Client<typeof devnetService.methods>

/** A command that calls a running devnet and prints what it answers. */
function admin(
  name: string,
  description: string,
  call: (devnet: Admin, command: Command) => Promise<unknown>,
): Command {
  return new Command(name)
    .description(description)
    .option('--address <address>', 'where the devnet listens', `http://${DEFAULT_LISTEN}`)
    .action(async (...args: unknown[]) => {
      const command = args.at(-1) as Command
      const connection = connectRpc(command.opts<{ address: string }>().address, {
        path: '/rpc/v1',
        timeoutMs: CALL_TIMEOUT_MS,
      })
      try {
        const answer = await call(rpcClient(devnetService, connection), command)
        if (answer !== undefined) command.configureOutput().writeOut?.(`${JSON.stringify(answer, null, 2)}\n`)
      } catch (error) {
        command.error(`error: ${errorText(error)}`, { exitCode: 1 })
      } finally {
        await connection.close()
      }
    })
}

const argument = <T>(command: Command, at: number): T => command.processedArgs[at] as T
const { methods } = devnetService

/** `main` is `/rpc/v1`, `second` is `/second/rpc/v1`. */
const endpointArgument = (): Argument => new Argument('[endpoint]', 'which').choices(ENDPOINTS).default('main')

function adminCommands(): Command[] {
  return [
    admin('status', 'where the chain stands', async devnet => z.encode(methods.Status.result, await devnet.Status())),
    admin('advance', 'make epochs', async (devnet, command) => ({
      Height: (await devnet.Advance(argument(command, 0))).Height,
    })).argument('[count]', 'how many', integer(1), 1),
    admin('null-rounds', 'let epochs pass without a block, then make one', async (devnet, command) => ({
      Height: (await devnet.NullRounds(argument(command, 0))).Height,
    })).argument('[count]', 'how many', integer(1), 1),
    admin('reorg', 'take the last tipsets back; their messages wait again', async (devnet, command) => ({
      Height: (await devnet.Reorg(argument(command, 0))).Height,
    })).argument('[depth]', 'how many', integer(1), 1),
    admin('pause', 'make no epochs any more', devnet => devnet.PauseMining()),
    admin('resume', 'make epochs again', devnet => devnet.ResumeMining()),
    admin('upgrade', 'give the network a newer version', (devnet, command) =>
      devnet.UpgradeNetwork({ Version: argument(command, 0), Epoch: command.opts<{ at: number }>().at }),
    )
      .argument('<version>', 'its number', integer(1))
      .requiredOption('--at <epoch>', 'first epoch of the version', integer(1)),
    admin('base-fee', 'set what a unit of gas costs', (devnet, command) =>
      devnet.SetBaseFee(argument(command, 0)),
    ).argument('<amount>', 'as "5 nanoFIL" or "100 attoFIL"', filAmount),
    admin('forget-messages', 'lose messages that wait for a block', async (devnet, command) => {
      const cids = argument<string[]>(command, 0)
      return { Forgotten: await devnet.ForgetMessages(cids.length === 0 ? null : cids.map(cid => CID.parse(cid))) }
    }).argument('[cid...]', 'which (default: all)'),
    admin('hold-head', 'let an endpoint show the same head from now on', async (devnet, command) => ({
      Height: (
        await devnet.HoldHead({
          Endpoint: argument(command, 0),
          Behind: command.opts<{ behind: number }>().behind,
        })
      ).Height,
    }))
      .addArgument(endpointArgument())
      .option('--behind <tipsets>', 'not the present head, but an older one', integer(0), 0),
    admin('release-head', 'let an endpoint show the chain as it is', (devnet, command) =>
      devnet.ReleaseHead(argument(command, 0)),
    ).addArgument(endpointArgument()),
    admin('fail', 'make calls of a method go wrong', (devnet, command) => {
      const { times, delayMs, message, endpoint } = command.opts<{
        times?: number
        delayMs?: number
        message?: string
        endpoint?: (typeof ENDPOINTS)[number]
      }>()
      return devnet.Fail({
        Method: argument(command, 0),
        Kind: argument(command, 1),
        Times: times,
        DelayMs: delayMs,
        Message: message,
        Endpoint: endpoint,
      })
    })
      .argument('<method>', 'full name, as Filecoin.MpoolPushMessage; * is all')
      .argument('<kind>', FAULTS.join(', '), (kind: string) => {
        if (!(FAULTS as readonly string[]).includes(kind))
          throw new InvalidArgumentError(`expected ${FAULTS.join(', ')}`)
        return kind
      })
      .option('--times <count>', 'how many calls (default: all)', integer(1))
      .option('--delay-ms <ms>', 'how late, for delay', integer(0))
      .option('--message <text>', 'text of the error, for error')
      .addOption(new Option('--endpoint <endpoint>', 'only at this one (default: all)').choices(ENDPOINTS)),
    admin('clear-faults', 'let all calls go well again', devnet => devnet.ClearFaults()),
    admin('fund', 'send FIL from the faucet', async (devnet, command) => ({
      Message: (await devnet.FundAddress(argument(command, 0), argument(command, 1))).toString(),
    }))
      .argument('<address>', 'who gets it', (text: string) => Address.parse(text))
      .argument('<amount>', 'as "10" or "5 nanoFIL"', filAmount),
    admin('import-deal', 'give the market a file for a miner to seal', async (devnet, command) => {
      const { miner, duration, builtin, verified, startIn } = command.opts<{
        miner: number
        duration?: number
        builtin?: boolean
        verified?: boolean
        startIn?: number
      }>()
      const deal = await devnet.ImportDeal({
        Miner: miner,
        Path: resolve(argument<string>(command, 0)),
        Data: undefined,
        Duration: duration,
        Builtin: builtin,
        Verified: verified,
        StartIn: startIn,
      })
      return z.encode(methods.ImportDeal.result, deal)
    })
      .argument('<file>', 'the data')
      .option('--miner <id>', 'who seals it', integer(1000), 1000)
      .option('--duration <epochs>', 'length of the deal', integer(1))
      .option('--builtin', 'as a deal of the built-in market, instead of a direct one')
      .option('--verified', "a built-in deal with the client's data cap")
      .option('--start-in <epochs>', 'in how many epochs the piece of a built-in deal must be proven', integer(1)),
    admin('messages', 'every message that has landed', async (devnet, command) => {
      const { miner, method } = command.opts<{ miner?: number; method?: number }>()
      return z.encode(methods.Messages.result, await devnet.Messages({ Miner: miner, Method: method }))
    })
      .option('--miner <id>', 'only to this miner', integer(1000))
      .option('--method <number>', 'only of this method', integer(0)),
  ]
}
