import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { type Command, CommanderError } from 'commander'
import { wireCommand } from '../../../bin/commands/wire.js'
import { golden, lotusResult, withoutNil } from '../../rpc-schema/wire/golden.js'

/** Runs `sealyard wire …` with its output caught. */
function wire(...args: string[]): { output: string; error: string; exitCode: number } {
  const result = { output: '', error: '', exitCode: 0 }
  const catchAll = (command: Command): void => {
    command.exitOverride().configureOutput({
      writeOut: text => {
        result.output += text
      },
      writeErr: text => {
        result.error += text
      },
    })
    command.commands.forEach(catchAll)
  }
  const command = wireCommand()
  catchAll(command)
  try {
    command.parse(args, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    result.exitCode = error.exitCode
  }
  return result
}

const line = (...args: string[]): string => {
  const { output, error } = wire(...args)
  expect(error).to.equal('')
  return output.trimEnd()
}
const json = (...args: string[]): unknown => JSON.parse(line(...args))

describe('sealyard wire', () => {
  for (const { cbor, json: value, name } of golden<{ cbor: string; json: object; name: string }[]>(
    'actor-params.json',
  )) {
    it(`actor-params ${name}`, () => {
      const method = name.split('/')[0]!
      expect(line('encode', 'actor-params', '--method', method, '--json', JSON.stringify(value))).to.equal(cbor)
      const decoded = json('decode', 'actor-params', '--method', method, '--prefix', 't', cbor)
      expect(withoutNil(decoded)).to.deep.equal(withoutNil(value))
    })
  }

  it('reads JSON from a file', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sealyard-wire-'))
    try {
      const file = join(folder, 'params.json')
      writeFileSync(file, '{"Deadline": 4, "Partitions": [0, 1, 1, 1]}')
      expect(line('encode', 'actor-params', '--method', '19', '--json', `@${file}`)).to.equal('8204413c')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('actor-return', () => {
    expect(json('decode', 'actor-return', '--method', '34', '820180')).to.deep.equal({ SuccessCount: 1, FailCodes: [] })
    expect(json('decode', 'actor-return', '--method', '2', '--actor', 'power', '824300e9074300e907')).to.deep.equal({
      IDAddress: 'f01001',
      RobustAddress: 'f01001',
    })
  })

  it('address', () => {
    expect(line('encode', 'address', 'f01000')).to.equal('00e807')
    expect(line('encode', 'address', '--cbor', 't01000')).to.equal('4300e807')
    const decoded = { address: 't01000', protocol: 0, payload: 'e807', bytes: '00e807', id: '1000' }
    expect(json('decode', 'address', 't01000')).to.deep.equal(decoded)
    expect(json('decode', 'address', '00e807', '--prefix', 't')).to.deep.equal(decoded)
    expect(json('decode', 'address', '4300e807')).to.deep.equal({ ...decoded, address: 'f01000' })
    for (const { bytes, string } of golden<{ bytes: string; string: string }[]>('addresses.json')) {
      expect(json('decode', 'address', string)).to.include({ address: string, bytes })
      expect(json('decode', 'address', bytes, '--prefix', string[0]!)).to.include({ address: string, bytes })
    }
  })

  it('bitfield', () => {
    expect(line('encode', 'bitfield', '--json', '[0,4]')).to.equal('4194')
    expect(line('encode', 'bitfield', '--set', '0,1,2,3')).to.equal('4194')
    expect(line('encode', 'bitfield', '--set', '3, 0-2', '--raw')).to.equal('94')
    expect(line('encode', 'bitfield', '--set', '')).to.equal('40')
    expect(json('decode', 'bitfield', '4194')).to.deep.equal({ runs: [0, 4], count: 4, set: [0, 1, 2, 3] })
    expect(json('decode', 'bitfield', '--raw', '94', '--members', '2')).to.deep.equal({
      runs: [0, 4],
      count: 4,
      set: [0, 1],
    })
  })

  it('cid', () => {
    const { commitment, sealedCid, unsealedCid } = golden<Record<string, string>[]>('commitment-cids.json')[0]!
    expect(line('encode', 'cid', '--commr', commitment!)).to.equal(sealedCid)
    expect(line('encode', 'cid', '--commd', commitment!)).to.equal(unsealedCid)
    expect(json('decode', 'cid', sealedCid!)).to.deep.equal({ kind: 'commr', commitment })
    expect(json('decode', 'cid', unsealedCid!)).to.deep.equal({ kind: 'commd', commitment })
    expect(json('decode', 'cid', 'bafy2bzacechhogoikc2zwoti5o7q7q4b44ty25tob3vrjn3ofx4zrpncf3kvk')).to.include({
      kind: 'other',
      codec: '0x71',
      hash: '0xb220',
    })
  })

  it('message', () => {
    const message = lotusResult<{ CID: { '/': string } }>('ChainGetMessage')
    const signed = lotusResult<{ CID: { '/': string } }>('MpoolPushMessage')
    for (const value of [message, signed]) {
      const encoded = json('encode', 'message', '--json', JSON.stringify(value)) as { CBOR: string; CID: string }
      expect(encoded.CID).to.equal(value.CID['/'])
      expect(json('decode', 'message', encoded.CBOR, '--prefix', 't')).to.deep.equal(value)
    }
  })

  it('token and sector-id', () => {
    expect(line('encode', 'token', '1.5 FIL')).to.equal('1500000000000000000')
    expect(line('encode', 'token', '256 attoFIL', '--cbor')).to.equal('43000100')
    expect(line('decode', 'token', '1500000000000000000')).to.equal('1.5 FIL')
    expect(line('decode', 'token', '--cbor', '43000100')).to.equal('0.000000000000000256 FIL')
    expect(line('encode', 'sector-id', '--miner', '1000', '--number', '3')).to.equal('s-t01000-3')
    expect(line('encode', 'sector-id', '--miner', 't01000', '--number', '3')).to.equal('s-t01000-3')
    expect(json('decode', 'sector-id', 's-t01000-3')).to.deep.equal({ Miner: 1000, Number: 3 })
  })

  for (const [args, message] of [
    [['encode', 'address', 'f0x'], 'address "f0x": an ID address is a decimal number without leading zeros'],
    [['decode', 'address', '05aa'], 'address bytes 05aa: unknown protocol 5'],
    [['encode', 'bitfield', '--json', '[0,1,0,1]'], 'run 2 of a bitfield: only the first run may be 0'],
    [['encode', 'bitfield', '--json', '[0,'], 'not JSON: '],
    [['encode', 'bitfield'], 'give the bitfield with --json or --set'],
    [['encode', 'bitfield', '--set', '1,x'], '--set: expected a number or a range, found "x"'],
    [['encode', 'bitfield', '--set', '5-3'], '--set: range 5-3 runs backwards'],
    [['decode', 'bitfield', '4101'], 'RLE+: version 1, expected 0'],
    [['decode', 'bitfield', '410'], 'hex of odd length (3 digits): "410"'],
    [['encode', 'cid', '--commr', 'aa'], 'a sealed commitment (comm_r) has 1 bytes, expected 32'],
    [['encode', 'cid'], 'give the commitment with --commr or --commd'],
    [['decode', 'cid', 'nonsense'], 'not a CID: "nonsense"'],
    [['encode', 'actor-params', '--method', '99', '--json', '{}'], 'unknown method "99" of the miner actor'],
    [['encode', 'actor-params', '--method', '22', '--json', '{}'], 'method 22 RepayDebt has no parameters'],
    [['encode', 'actor-params', '--method', '28', '--json', '{"sectors":[]}'], 'sectors: unknown key'],
    [
      [
        'encode',
        'actor-params',
        '--method',
        '9',
        '--json',
        '{"Terminations":[{"Deadline":1,"Partition":0,"Sektors":[1]}]}',
      ],
      'Terminations[0].Sectors: ',
    ],
    [
      ['decode', 'actor-params', '--method', '19', '8304413c01'],
      'expected a list of 2 (Deadline, Partitions), found a list of 3',
    ],
    [['encode', 'token', '5 BTC'], 'FIL amount "5 BTC": unknown unit BTC'],
    [['decode', 'token', '1.5'], 'not a whole number of attoFIL: "1.5"'],
    [['decode', 'sector-id', 'x'], 'not a sector name: "x"'],
    [['encode', 'sector-id', '--miner', 'x', '--number', '1'], '--miner: expected a whole number, found "x"'],
    [['encode', 'actor-params', '--method', '28', '--json', '@/nowhere/at/all.json'], 'ENOENT'],
  ] as const) {
    it(`fails clearly: ${args.join(' ').slice(0, 70)}`, () => {
      const { output, error, exitCode } = wire(...args)
      expect(output).to.equal('')
      expect(exitCode).to.equal(1)
      expect(error).to.contain(message)
      expect(error.startsWith('error: ')).to.equal(true)
      expect(error.trimEnd()).not.to.contain('\n')
    })
  }
})
