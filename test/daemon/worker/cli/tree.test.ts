import { expect } from 'chai'
import type { Command } from 'commander'
import { workerProgram } from '../../../../daemon/worker/cli/program.js'

/** What damocles-worker's help shows: command, its flags with the variables that stand for them, and how else a flag may be spelled. */
const DOCUMENTED: Readonly<Record<string, readonly string[]>> = {
  daemon: ['-c, --config (DAMOCLES_WORKER_CONFIG)'],
  'generator tree-d': ['-s, --sector-size', '-p, --path'],
  'processor add_pieces': [],
  'processor tree_d': [],
  'processor pc1': [
    '--hugepage-files-path (HUGEPAGE_FILES_PATH)',
    '--hugepage-files-path-pattern (HUGEPAGE_FILES_PATH_PATTERN)',
    '--hugepage_files_path',
    '--hugepage_files_path_pattern',
  ],
  'processor pc2': [],
  'processor c2': [],
  'processor snap_encode': [],
  'processor snap_prove': [],
  'processor transfer': ['--disable-link', '--disable_link'],
  'processor window_post': [],
  'processor winning_post': [],
  'store sealing-init': ['-l, --loc'],
  'store file-init': ['-l, --loc'],
  'store hugepage-file-init': [
    '-n, --node',
    '-s, --size',
    '-c, --num',
    '--path',
    '--path-pattern',
    '--numa_node_index',
    '--number_of_files',
    '--path_pattern',
  ],
  worker: ['-H, --host (DAMOCLES_WORKER_HOST)', '-c, --config (DAMOCLES_WORKER_CONFIG)'],
  'worker list': [],
  'worker pause': ['-i, --index'],
  'worker resume': ['-i, --index', '-s, --state'],
  'worker enable-dump': ['--child-pid', '--dump-dir', '--child_pid', '--dump_dir'],
  'worker enable_dump': ['--child-pid', '--dump-dir', '--child_pid', '--dump_dir'],
  'worker disable-dump': ['--child-pid', '--child_pid'],
  'worker disable_dump': ['--child-pid', '--child_pid'],
}

function commandAt(path: string): Command | undefined {
  let command: Command | undefined = workerProgram('v1')
  for (const name of path.split(' ')) {
    command = command?.commands.find(found => found.name() === name || found.aliases().includes(name))
  }
  return command
}

/** `-c, --config (VARIABLE)` of every flag. */
const flagsOf = (command: Command): string[] =>
  command.options.map(({ short, long, envVar }) => {
    const flag = [short, long].filter(Boolean).join(', ')
    return envVar === undefined ? flag : `${flag} (${envVar})`
  })

describe('the command line of damocles-worker', () => {
  for (const [path, documented] of Object.entries(DOCUMENTED)) {
    it(`has ${path} with its flags`, () => {
      const command = commandAt(path)
      expect(command, path).to.not.equal(undefined)
      expect(flagsOf(command!)).to.include.members([...documented])
    })
  }

  it('every listing takes --json and --watch', () => {
    const listings: Command[] = []
    const collect = (command: Command): void => {
      if (command.name() === 'list') listings.push(command)
      command.commands.forEach(collect)
    }
    collect(workerProgram('v1'))
    expect(listings).to.have.length(1)
    for (const listing of listings) expect(flagsOf(listing)).to.include.members(['--json', '--watch'])
  })

  it('every command and every shown flag says what it is', () => {
    const check = (command: Command): void => {
      expect(command.description(), command.name()).to.not.equal('')
      for (const option of command.options)
        if (!option.hidden) expect(option.description, option.flags).to.not.equal('')
      command.commands.forEach(check)
    }
    check(workerProgram('v1'))
  })
})
