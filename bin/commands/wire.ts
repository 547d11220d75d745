import { readFileSync } from 'node:fs'
import { Command, Option } from 'commander'
import { CID } from 'multiformats/cid'
import { z } from 'zod'
import { type ActorName, actorMethod, METHODS } from '../../rpc-schema/actors/actor-methods.js'
import { schemaIssuesText } from '../../rpc-schema/schema-issue.js'
import { Address, type NetworkPrefix } from '../../rpc-schema/wire/address.js'
import { Bitfield, BitfieldJson } from '../../rpc-schema/wire/bitfield.js'
import { fromHex, toHex } from '../../rpc-schema/wire/bytes.js'
import { address, bigInt, bitfield, type Cbor } from '../../rpc-schema/wire/cbor.js'
import { cidToCommD, cidToCommR, commDToCid, commRToCid, isPieceCid, isSealedCid } from '../../rpc-schema/wire/cid.js'
import {
  Message,
  MessageCbor,
  messageCid,
  SignedMessage,
  SignedMessageCbor,
  signedMessageCid,
} from '../../rpc-schema/wire/message.js'
import { parseSectorName, sectorName } from '../../rpc-schema/wire/sector-id.js'
import { formatFil, parseFil } from '../../rpc-schema/wire/token-amount.js'

/** `sealyard wire`: turns the chain's values into bytes or text and back, for people who look into messages and files. */
export function wireCommand(): Command {
  const wire = new Command('wire').description('encode and decode the values of the chain')
  wire.addCommand(encodeCommand())
  wire.addCommand(decodeCommand())
  return wire
}

/** Every action returns the lines to print, or throws. */
type Action = (...args: never[]) => string

/** Runs an action: its result to the output; its error as one line, exit code 1. */
function run(command: Command, action: Action): Command {
  return command.action((...args: unknown[]) => {
    let output: string
    try {
      output = action(...(args as never[]))
    } catch (error) {
      command.error(`error: ${oneLine(error)}`, { exitCode: 1 })
    }
    command.configureOutput().writeOut?.(`${output}\n`)
  })
}

const oneLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ')

const jsonOption = () =>
  new Option('--json <text>', 'the value as JSON; - reads standard input, @<file> a file').makeOptionMandatory()
const methodOption = () =>
  new Option(
    '--method <method>',
    'number or name, as 28, PreCommitSectorBatch2, power.CreateMiner',
  ).makeOptionMandatory()
const actorOption = () =>
  new Option('--actor <actor>', 'actor that a bare number or name belongs to')
    .choices(Object.keys(METHODS))
    .default('miner')
const prefixOption = () =>
  new Option('--prefix <prefix>', 'network prefix of printed addresses').choices(['f', 't']).default('f')

type MethodOptions = { method: string; actor: ActorName }

function encodeCommand(): Command {
  const encode = new Command('encode').description('from text or JSON to the form of the chain')

  run(
    encode
      .command('address')
      .description('bytes of an address, in hex')
      .argument('<address>')
      .option('--cbor', 'as a CBOR byte string'),
    (text: string, { cbor }: { cbor?: boolean }) => {
      const value = Address.parse(text)
      return toHex(cbor ? address.encode(value) : value.bytes)
    },
  )

  run(
    encode
      .command('bitfield')
      .description('CBOR of a bitfield, in hex')
      .addOption(new Option('--json <runs>', 'run lengths, the first of zeros; - or @<file>').conflicts('set'))
      .option('--set <numbers>', 'members, separated by commas; a-b is a range')
      .option('--raw', 'the RLE+ bytes without their CBOR head'),
    ({ json, set, raw }: { json?: string; set?: string; raw?: boolean }) => {
      if (json === undefined && set === undefined) throw new Error('give the bitfield with --json or --set')
      const value = json === undefined ? parseSet(set!) : decodeJson(BitfieldJson, json)
      return toHex(raw ? value.toRlePlus() : bitfield.encode(value))
    },
  )

  run(
    encode
      .command('cid')
      .description('CID of a commitment')
      .addOption(new Option('--commr <hex>', 'sealed commitment').conflicts('commd'))
      .option('--commd <hex>', 'unsealed or piece commitment'),
    ({ commr, commd }: { commr?: string; commd?: string }) => {
      if (commr !== undefined) return commRToCid(fromHex(commr)).toString()
      if (commd !== undefined) return commDToCid(fromHex(commd)).toString()
      throw new Error('give the commitment with --commr or --commd')
    },
  )

  run(
    encode
      .command('actor-params')
      .description("CBOR of a method's parameters, in hex")
      .addOption(methodOption())
      .addOption(actorOption())
      .addOption(jsonOption()),
    ({ method, actor, json }: MethodOptions & { json: string }) => {
      const params = shapeOf(method, actor, 'params')
      return toHex(params.encode(decodeJson(params.json, json)))
    },
  )

  run(
    encode.command('message').description('CBOR and CID of a message, signed or not').addOption(jsonOption()),
    ({ json }: { json: string }) => {
      const raw = parseJson(json)
      if (typeof raw === 'object' && raw !== null && 'Signature' in raw) {
        const signed = decodeWith(SignedMessage, raw)
        return printed({ CBOR: toHex(SignedMessageCbor.encode(signed)), CID: signedMessageCid(signed).toString() })
      }
      const message = decodeWith(Message, raw)
      return printed({ CBOR: toHex(MessageCbor.encode(message)), CID: messageCid(message).toString() })
    },
  )

  run(
    encode
      .command('token')
      .description('attoFIL of an amount')
      .argument('<amount>', 'as "1.5 FIL", "10 nanoFIL", "5 attoFIL"; without a unit it is FIL')
      .option('--cbor', 'as CBOR, in hex'),
    (amount: string, { cbor }: { cbor?: boolean }) => {
      const value = parseFil(amount)
      return cbor ? toHex(bigInt.encode(value)) : value.toString()
    },
  )

  run(
    encode
      .command('sector-id')
      .description('name of a sector')
      .requiredOption('--miner <number>', 'actor id, or the ID address')
      .requiredOption('--number <number>', 'sector number'),
    ({ miner, number }: { miner: string; number: string }) =>
      sectorName({
        Miner: /^[ft]/.test(miner) ? Address.parse(miner).id : parseCount('--miner', miner),
        Number: parseCount('--number', number),
      }),
  )

  return encode
}

function decodeCommand(): Command {
  const decode = new Command('decode').description('from the form of the chain to text or JSON')

  run(
    decode
      .command('address')
      .description('string, protocol, payload and bytes of an address')
      .argument('<address>', 'text, or hex of its bytes or of its CBOR')
      .addOption(prefixOption()),
    (text: string, { prefix }: { prefix: NetworkPrefix }) => {
      const value = readAddress(text, prefix)
      return printed({
        address: value.toJSON(),
        ...(value.isEmpty ? {} : { protocol: value.protocol }),
        payload: toHex(value.payload),
        bytes: toHex(value.bytes),
        ...(value.isId ? { id: value.idBig.toString() } : {}),
      })
    },
  )

  run(
    decode
      .command('bitfield')
      .description('run lengths, count and members of a bitfield')
      .argument('<hex>', 'CBOR')
      .option('--raw', 'the hex is RLE+ without a CBOR head')
      .option('--members <most>', 'how many members to print', '1000'),
    (hex: string, { raw, members }: { raw?: boolean; members: string }) => {
      const value = raw ? Bitfield.fromRlePlus(fromHex(hex)) : bitfield.decode(fromHex(hex))
      const most = parseCount('--members', members)
      const shown: number[] = []
      for (const member of value) {
        if (shown.length >= most) break
        shown.push(member)
      }
      return printed({ runs: value.toRuns(), count: value.count, set: shown })
    },
  )

  run(decode.command('cid').description('commitment that a CID stands for').argument('<cid>'), (text: string) => {
    let cid: CID
    try {
      cid = CID.parse(text)
    } catch (error) {
      throw new Error(`not a CID: ${JSON.stringify(text)}`, { cause: error })
    }
    if (isSealedCid(cid)) return printed({ kind: 'commr', commitment: toHex(cidToCommR(cid)) })
    if (isPieceCid(cid)) return printed({ kind: 'commd', commitment: toHex(cidToCommD(cid)) })
    return printed({
      kind: 'other',
      version: cid.version,
      codec: `0x${cid.code.toString(16)}`,
      hash: `0x${cid.multihash.code.toString(16)}`,
      digest: toHex(cid.multihash.digest),
    })
  })

  for (const [name, what, part] of [
    ['actor-params', "a method's parameters", 'params'],
    ['actor-return', 'what a method returned', 'returns'],
  ] as const) {
    run(
      decode
        .command(name)
        .description(`JSON of ${what}`)
        .addOption(methodOption())
        .addOption(actorOption())
        .addOption(prefixOption())
        .argument('<hex>', 'CBOR'),
      (hex: string, { method, actor, prefix }: MethodOptions & { prefix: NetworkPrefix }) => {
        const shape = shapeOf(method, actor, part)
        return printed(z.encode(shape.json, shape.decode(fromHex(hex), prefix)))
      },
    )
  }

  run(
    decode
      .command('message')
      .description('JSON of a message, signed or not')
      .argument('<hex>', 'CBOR')
      .addOption(prefixOption()),
    (hex: string, { prefix }: { prefix: NetworkPrefix }) => {
      const bytes = fromHex(hex)
      // A signed message is a list of two, an unsigned one of ten.
      return bytes[0] === 0x82
        ? printed(z.encode(SignedMessage, SignedMessageCbor.decode(bytes, prefix)))
        : printed(z.encode(Message, MessageCbor.decode(bytes, prefix)))
    },
  )

  run(
    decode
      .command('token')
      .description('amount of attoFIL, in FIL')
      .argument('<amount>', 'attoFIL')
      .option('--cbor', 'the amount is hex of CBOR'),
    (amount: string, { cbor }: { cbor?: boolean }) => {
      if (cbor) return formatFil(bigInt.decode(fromHex(amount)))
      if (!/^-?\d+$/.test(amount)) throw new Error(`not a whole number of attoFIL: ${JSON.stringify(amount)}`)
      return formatFil(BigInt(amount))
    },
  )

  run(
    decode.command('sector-id').description('miner and number of a sector name').argument('<name>', 's-t01000-3'),
    (name: string) => printed(parseSectorName(name)),
  )

  return decode
}

const printed = (value: unknown): string => JSON.stringify(value, null, 2)

function shapeOf(method: string, actor: ActorName, part: 'params' | 'returns'): Cbor {
  const found = actorMethod(method, actor)
  const shape = found[part]
  if (shape === null)
    throw new Error(`method ${found.number} ${found.name} has no ${part === 'params' ? 'parameters' : 'return value'}`)
  return shape
}

function parseJson(text: string): unknown {
  const source =
    text === '-' ? readFileSync(0, 'utf8') : text.startsWith('@') ? readFileSync(text.slice(1), 'utf8') : text
  try {
    return JSON.parse(source)
  } catch (error) {
    throw new Error(`not JSON: ${(error as Error).message}`, { cause: error })
  }
}

const decodeJson = <S extends z.ZodType>(schema: S, text: string): z.output<S> => decodeWith(schema, parseJson(text))

/** Parses, and refuses keys that the schema would drop: a misspelt key must not become an empty value in a message. */
function decodeWith<S extends z.ZodType>(schema: S, json: unknown): z.output<S> {
  const decoded = z.safeDecode(schema, json as z.input<S>)
  if (!decoded.success) throw new Error(schemaIssuesText(decoded.error, json))
  const unknown = droppedKey(json, z.encode(schema, decoded.data), '')
  if (unknown !== null) throw new Error(`${unknown}: unknown key`)
  return decoded.data
}

/** Path of the first key of `given` that is not in `kept`. */
function droppedKey(given: unknown, kept: unknown, path: string): string | null {
  if (typeof given !== 'object' || given === null || typeof kept !== 'object' || kept === null) return null
  for (const [key, value] of Object.entries(given)) {
    const at = Array.isArray(given) ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`
    if (!(key in kept)) {
      // Trailing zeros of a bitfield's runs say nothing; only names can be misspelt.
      if (Array.isArray(given)) return null
      return at
    }
    const inner = droppedKey(value, (kept as Record<string, unknown>)[key], at)
    if (inner !== null) return inner
  }
  return null
}

/** Text, or the hex of bytes or of CBOR: a protocol byte is 0–4, the head of a CBOR byte string 0x40 or more. */
function readAddress(text: string, prefix: NetworkPrefix): Address {
  if (!/^(0x)?([0-9a-fA-F]{2})+$/.test(text) || /^f[0-4]/.test(text)) return Address.parse(text)
  const bytes = fromHex(text)
  return bytes[0]! >= 0x40 ? address.decode(bytes, prefix) : Address.fromBytes(bytes, prefix)
}

/** `0,1,5-9`. */
function parseSet(text: string): Bitfield {
  const single: number[] = []
  let ranges = Bitfield.EMPTY
  for (const part of text === '' ? [] : text.split(',')) {
    const [, first, last] = /^\s*(\d+)(?:-(\d+))?\s*$/.exec(part) ?? []
    if (first === undefined) throw new Error(`--set: expected a number or a range, found ${JSON.stringify(part)}`)
    if (last === undefined) {
      single.push(Number(first))
      continue
    }
    if (Number(last) < Number(first)) throw new Error(`--set: range ${part.trim()} runs backwards`)
    ranges = ranges.union(Bitfield.range(Number(first), Number(last) - Number(first) + 1))
  }
  return ranges.union(Bitfield.of(single))
}

function parseCount(what: string, text: string): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw new Error(`${what}: expected a whole number, found ${JSON.stringify(text)}`)
  }
  return value
}
