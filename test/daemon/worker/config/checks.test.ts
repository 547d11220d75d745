import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { checkWorkerFile } from '../../../../daemon/worker/config/check-file.js'
import { MANAGER } from './sample-files.js'

describe('checks of a worker’s configuration', () => {
  let dir: string
  let file: string

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'worker-check-'))
    file = join(dir, 'w.toml')
    mkdirSync(join(dir, 'persist'))
  })
  afterEach(() => rmSync(dir, { recursive: true, force: true }))

  /** `problem 7 key: message` of everything found; `!` marks what the daemon refuses to start with. */
  async function findings(more: string, purpose: 'check' | 'start' = 'check'): Promise<string[]> {
    writeFileSync(
      file,
      `${MANAGER}[[sealing_thread]]\nlocation = "${dir}/s"\n[[attached]]\nlocation = "${dir}/persist"\n${more}`,
    )
    const { findings } = await checkWorkerFile(file, { for: purpose })
    return findings.map(
      ({ found, refuses, problem }) =>
        `${found}${refuses ? '!' : ''} ${problem.line} ${problem.path}: ${problem.message}`,
    )
  }

  it('find nothing wrong with a good one', async () => {
    expect(await findings('')).to.deep.equal([])
  })

  for (const [what, text, expected] of [
    [
      'a program that is missing',
      '[[processors.c2]]\nbin = "no-such-program-at-all"\n',
      /^problem! 8 processors\.c2\[0\]\.bin: .*no-such-program-at-all/,
    ],
    [
      'an undeclared lock, with the name that was meant',
      '[processors.ext_locks]\ngpu = 1\n[[processors.c2]]\nlocks = ["gpus"]\n[[processors.pc2]]\nlocks = ["gpu"]\n',
      /^problem 10 processors\.c2\[0\]\.locks: lock "gpus" is not in ext_locks.*gpu/,
    ],
    [
      'a store whose parent is missing',
      '[[sealing_thread]]\nlocation = "/nowhere/at/all/s"\n',
      /^problem! 8 sealing_thread\[1\]\.location: .*\/nowhere\/at\/all/,
    ],
    [
      'two threads on one store',
      '[[sealing_thread]]\nlocation = "DIR/s"\n',
      /^problem 8 sealing_thread\[1\]\.location: /,
    ],
    [
      'a persist store that is missing',
      '[[attached]]\nlocation = "/nowhere/persist"\n',
      /^problem! 8 attached\[1\]\.location: .*\/nowhere\/persist/,
    ],
    [
      'two stores of one name',
      '[[attached]]\nname = "DIR/persist"\nlocation = "DIR"\n',
      /^problem! \d attached\[1\]\..*persist/,
    ],
    [
      'a static tree that is missing',
      '[processors.static_tree_d]\n2KiB = "/nowhere/tree"\n',
      /^problem! 8 processors\.static_tree_d\.2KiB: .*\/nowhere\/tree/,
    ],
    [
      'a directory of pieces that is missing',
      '[worker]\nlocal_pieces_dirs = ["/nowhere/pieces"]\n',
      /^problem 8 worker\.local_pieces_dirs.*\/nowhere\/pieces/,
    ],
    [
      'starts too close to each other',
      '[processors.limitation.staggered]\npc1 = "10ms"\n',
      /^warning 8 processors\.limitation\.staggered\.pc1: less than 1s is ignored/,
    ],
    [
      'one port for two listeners',
      '[metrics]\nenable = true\nhttp_listen = "0.0.0.0:17890"\n',
      /^problem! 9 metrics\.http_listen: port 17890 is also that of worker\.rpc_server/,
    ],
    [
      'processors that the machine has not',
      '[[processors.pc1]]\ncgroup.cpuset = "4000-4001"\n',
      /^problem 8 processors\.pc1\[0\]\.cgroup\.cpuset: .*400/,
    ],
    [
      'an unknown key, with the one that was meant',
      '[metrics]\nhttp_listn = "x"\n',
      /^warning 8 metrics\.http_listn: unknown key, ignored.*http_listen/,
    ],
    [
      'a program of others that is to prove windows which it has not read',
      '[[sealing_thread]]\nplan = "wdpost"\nsealing.window_parts = ["prove"]\n[[processors.window_post]]\nbin = "/bin/sh"\n',
      /^warning 11 processors\.window_post\[0\]\.bin: .*must know `vanilla_files`/,
    ],
    [
      'parts of window proofs for a thread that seals',
      '[[sealing_thread]]\nlocation = "DIR/s2"\nsealing.window_parts = ["read"]\n',
      /^warning 9 sealing_thread\[1\].sealing\.window_parts: has an effect with plan "wdpost" only/,
    ],
    ['a wrong type', '[metrics]\nenable = "yes"\n', /^problem! 8 metrics\.enable: expected boolean, found "yes"/],
    [
      'a broken duration',
      '[sealing]\nseal_interval = "soon"\n',
      /^problem! 8 sealing\.seal_interval: expected a duration/,
    ],
    [
      'a broken size',
      '[sealing]\nallowed_sizes = ["33GiB"]\n',
      /^problem! 8 sealing\.allowed_sizes\[0\]: expected a sector size/,
    ],
    ['broken TOML', 'x = [\n', /^problem! \d+ : broken TOML/],
  ] as const) {
    it(`tell of ${what}`, async () => {
      const found = await findings(text.replaceAll('DIR', dir))
      expect(found).to.have.length(1)
      expect(found[0]).to.match(expected)
    })
  }

  it('ask for no persist store where windows are only proven, and for one where they are read', async () => {
    const found = async (parts: string): Promise<string[]> => {
      writeFileSync(file, `${MANAGER}[[sealing_thread]]\nplan = "wdpost"\nsealing.window_parts = ${parts}\n`)
      return (await checkWorkerFile(file, { for: 'start' })).findings.map(({ problem }) => problem.message)
    }
    expect(await found('["prove"]')).to.deep.equal([])
    const [message, ...others] = await found('["read", "prove"]')
    expect([message, others]).to.deep.equal([
      'no persist store is attached: add an [[attached]] entry, or worker.scan_persist_stores that find one',
      [],
    ])
  })

  it('look at the settings of each thread, too', async () => {
    mkdirSync(join(dir, 's'))
    writeFileSync(join(dir, 's', '.holder'), '')
    writeFileSync(join(dir, 's', 'config.toml'), 'plan = "sealer"\nsealing.max_retries = "many"\n')
    const [found] = await findings('')
    expect(found).to.match(/^problem! 2 sealing\.max_retries: expected .*number/)
  })

  it('at the start refuse what cannot work, and let run what ran before', async () => {
    const undeclared = '[[processors.c2]]\nlocks = ["gpu"]\n'
    expect((await findings(undeclared, 'start'))[0]).to.match(/^problem 8 /)
    expect((await findings('[[processors.c2]]\nbin = "/nowhere/c2"\n', 'start'))[0]).to.match(/^problem! /)
  })
})
