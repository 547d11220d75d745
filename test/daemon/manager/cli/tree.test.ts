import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect } from 'chai'
import type { Command } from 'commander'
import { completionScript, SHELLS } from '../../../../daemon/manager/cli/completion.js'
import { managerProgram } from '../../../../daemon/manager/cli/program.js'

/** What the help of damocles-manager shows, and its hidden flags: command, flags. */
const DOCUMENTED: Readonly<Record<string, readonly string[]>> = {
  '': ['--home', '--net', '--version', '-v'],
  mock: ['--miner', '--sector-size', '--listen'],
  daemon: [],
  'daemon init': [],
  'daemon run': [
    '--listen',
    '--conf-dir',
    '--poster',
    '--miner',
    '--warmup',
    '--ext-prover',
    '--worker-prover',
    '--proxy',
    '--proxy-sector-indexer-off',
  ],
  util: ['--listen', '--conf-dir'],
  'util chain': [],
  'util chain head': [],
  'util chain pci': [],
  'util miner': [],
  'util miner info': [],
  'util miner create': [
    '--from',
    '--owner',
    '--worker',
    '--sector-size',
    '--peer',
    '--multiaddr',
    '--exid',
    '--deposit-margin-factor',
  ],
  'util sealer': [],
  'util sealer sectors': [],
  'util sealer sectors abort': ['--really-do-it'],
  'util sealer sectors list': ['--offline', '--sealing', '--snapup', '--rebuild', '--miner', '--unseal'],
  'util sealer sectors restore': ['--force'],
  'util sealer sectors check-expire': ['--miner', '--cutoff'],
  'util sealer sectors expired': [
    '--miner',
    '--show-removed',
    '--remove-expired',
    '--expired-epoch',
    '--confirm-remove-count',
  ],
  'util sealer sectors extend': [
    '--miner',
    '--from',
    '--to',
    '--sector-file',
    '--exclude',
    '--extension',
    '--new-expiration',
    '--only-cc',
    '--drop-claims',
    '--tolerance',
    '--max-fee',
    '--max-sectors',
    '--really-do-it',
  ],
  'util sealer sectors terminate': ['--actor', '--really-do-it'],
  'util sealer sectors terminate query': [],
  'util sealer sectors remove': ['--actor', '--really-do-it'],
  'util sealer sectors finalize': ['--miner', '--actor', '--really-do-it'],
  'util sealer sectors state': ['--offline'],
  'util sealer sectors state export-json': [],
  'util sealer sectors state import-json': ['--override', '--really-do-it'],
  'util sealer sectors find-deal': ['--offline'],
  'util sealer sectors resend-pre': [],
  'util sealer sectors resend-prove': [],
  'util sealer sectors import': ['--api', '--token', '--override', '--numbers'],
  'util sealer sectors rebuild': ['--pieces-available'],
  'util sealer sectors export-to-lotus': ['--miner'],
  'util sealer sectors export-to-lotus metadata': ['--dest-repo', '--next-number', '--only-next-number'],
  'util sealer sectors export-to-lotus files': ['--dest-path', '--numbers', '--reserve'],
  'util sealer sectors unseal': [
    '--output',
    '-o',
    '--actor',
    '--miner',
    '--actor-id',
    '--sector',
    '--sector-id',
    '--unseal-file',
    '--offset',
    '--payload-size',
    '--piece-size',
    '--dest',
  ],
  'util sealer proving': ['--miner'],
  'util sealer proving info': [],
  'util sealer proving faults': [],
  'util sealer proving deadlines': ['--all', '-a'],
  'util sealer proving deadline': ['--sector-nums', '-n', '--bitfield', '-b'],
  'util sealer proving check': ['--only-bad', '--slow', '--state-check', '--faulty', '--detail'],
  'util sealer proving simulate-wdpost': ['--ddl-idx', '--partition-idx', '--include-faulty', '--challenge'],
  'util sealer proving sector-info': [],
  'util sealer proving winning-vanilla': ['--sealed-file', '--cache-dir', '--output'],
  'util sealer proving compact-partitions': ['--deadline', '--partitions', '--really-do-it', '--miner', '--exid'],
  'util sealer proving recover-faults': ['--deadline', '--miner', '--from', '--exid'],
  'util sealer actor': ['--miner'],
  'util sealer actor balance': [],
  'util sealer actor add-balance': ['--exid'],
  'util sealer actor withdraw': ['--confidence', '--beneficiary'],
  'util sealer actor repay-debt': ['--from'],
  'util sealer actor set-owner': ['--really-do-it'],
  'util sealer actor control': [],
  'util sealer actor propose-change-worker': ['--really-do-it'],
  'util sealer actor confirm-change-worker': ['--really-do-it'],
  'util sealer actor compact-allocated': ['--mask-last-offset', '--mask-upto-n', '--really-do-it'],
  'util sealer actor propose-change-beneficiary': ['--really-do-it', '--overwrite-pending-change'],
  'util sealer actor confirm-change-beneficiary': ['--really-do-it', '--existing-beneficiary', '--new-beneficiary'],
  'util sealer snap': [],
  'util sealer snap fetch': [],
  'util sealer snap candidates': ['--show-all'],
  'util sealer snap cancel-commit': [],
  'util market': [],
  'util market release-deals': ['--miner', '--deals', '--deal'],
  'util storage': [],
  'util storage gen-sectorstore-json': [
    '--strict',
    '--readonly',
    '--read-only',
    '--weight',
    '--plugin-name',
    '--plugin',
    '--allow-miners',
    '--deny-miners',
  ],
  'util storage attach': ['--name', '--strict', '--read-only', '--verbose', '-v', '--allow-splitted', '--pattern'],
  'util storage find': ['--upgrade'],
  'util storage list': [],
  'util storage release-reserved': [],
  'util worker': [],
  'util worker list': ['--expiration'],
  'util worker remove': [],
  'util worker info': [],
  'util worker pause': [],
  'util worker resume': [],
  'util worker wdpost': [],
  'util worker wdpost list': ['--all', '--detail'],
  'util worker wdpost reset': [],
  'util worker wdpost remove': [],
  'util worker wdpost remove-all': ['--really-do-it'],
  'util message': [],
  'util message wait': [],
  'util message search': [],
  'util fetch-params': [],
  'util migrate': ['--home', '--from', '--to', '--sub-stores'],
  'util sealer actor control list': ['--verbose', '--color'],
  'util sealer actor control set': ['--really-do-it'],
}

/** What is still missing: this list may only shrink. */
const MISSING: ReadonlySet<string> = new Set()

function commandAt(path: string): Command | undefined {
  let command: Command | undefined = managerProgram('v1')
  for (const name of path === '' ? [] : path.split(' '))
    command = command?.commands.find(found => found.name() === name || found.aliases().includes(name))
  return command
}

const flagsOf = (command: Command): string[] =>
  command.options.flatMap(({ short, long }) => [short, long].filter(flag => flag !== undefined && flag !== null))

function missingOf(path: string, documented: readonly string[]): readonly string[] | 'all' {
  const command = commandAt(path)
  if (command === undefined) return 'all'
  // What a command above takes, it takes behind its sub-commands, too.
  const flags: string[] = []
  for (let at: Command | null = command; at !== null; at = at.parent) flags.push(...flagsOf(at))
  return documented.filter(flag => !flags.includes(flag))
}

describe('the command line of damocles-manager', () => {
  for (const [path, documented] of Object.entries(DOCUMENTED)) {
    it(`has ${path || 'its global flags'}, with its flags`, () => {
      const missing = missingOf(path, documented)
      if (missing === 'all' && MISSING.has(path)) return
      expect(missing).to.deep.equal([])
    })
  }

  it('what is missing is not forgotten in the list once it is there', () => {
    const there = [...MISSING].filter(path => commandAt(path) !== undefined)
    expect(there, 'take these out of MISSING').to.deep.equal([])
    for (const path of MISSING) expect(DOCUMENTED, path).to.have.property(path)
  })

  const everyCommand = (): [path: string, command: Command][] => {
    const found: [string, Command][] = []
    const walk = (command: Command, path: string): void => {
      found.push([path, command])
      for (const below of command.commands) walk(below, path === '' ? below.name() : `${path} ${below.name()}`)
    }
    walk(managerProgram('v1'), '')
    return found
  }

  it('every command and every shown flag says what it is', () => {
    for (const [path, command] of everyCommand()) {
      expect(command.description(), path).to.not.equal('')
      for (const option of command.options)
        if (!option.hidden) expect(option.description, `${path} ${option.flags}`).to.not.equal('')
    }
  })

  it('every listing takes --json', () => {
    for (const [path, command] of everyCommand())
      if (/(^|-)list$|^(candidates|faults|deadlines|expired|check-expire|history)$/.test(command.name()))
        expect(flagsOf(command), path).to.include('--json')
  })
})

describe('completion', () => {
  for (const shell of SHELLS) {
    it(`${shell}: knows every command and its flags`, () => {
      const script = completionScript(shell, managerProgram('v1'))
      for (const word of ['daemon', 'sectors', 'worker-prover', 'completion', 'release-reserved'])
        expect(script, word).to.include(word)
      expect(script).to.not.match(/undefined|\[object/)
    })
  }

  const complete = async (...words: string[]): Promise<string[]> => {
    const script = `${completionScript('bash', managerProgram('v1'))}
COMP_WORDS=(${words.map(word => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}
_damocles_manager; printf '%s\\n' "\${COMPREPLY[@]}"`
    const { stdout } = await promisify(execFile)('bash', ['-c', script])
    return stdout.split('\n').filter(word => word !== '')
  }

  it('bash completes commands, below commands, and flags, past flags with values', async () => {
    expect(await complete('damocles-manager', 'da')).to.deep.equal(['daemon'])
    expect(await complete('damocles-manager', 'daemon', '')).to.include.members(['init', 'run'])
    expect(await complete('damocles-manager', '--home', '/x', 'util', '--listen', ':1', 'stor')).to.deep.equal([
      'storage',
    ])
    expect(await complete('damocles-manager', 'daemon', 'run', '--pos')).to.deep.equal(['--poster'])
  })
})
