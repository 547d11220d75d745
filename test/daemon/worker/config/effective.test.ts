import { expect } from 'chai'
import { effectiveText } from '../../../../daemon/kit/config/effective-text.js'
import { parseToml } from '../../../../daemon/kit/config/toml-file.js'
import { effectiveConfig } from '../../../../daemon/worker/config/effective.js'
import { config, load, MANAGER, sample, uncommented, whole } from './sample-files.js'

const text = (toml: string, hot?: ReadonlyMap<number, string>): string => {
  const files = new Map([...(hot ?? [])].map(([thread, content]) => [thread, parseToml(content, '/s/config.toml')]))
  return effectiveText(effectiveConfig(load(toml), files))
}

/** The lines that begin with a key, blanks made one. */
const linesOf = (shown: string, key: string): string[] =>
  shown
    .split('\n')
    .filter(line => line.startsWith(`${key} `) || line.startsWith(`# ${key} `))
    .map(line => line.replaceAll(/\s+/g, ' '))

/** A configuration with its secrets as they are shown. */
function withHiddenSecrets(toml: string): unknown {
  const { manager, processors, ...rest } = config(toml)
  const headers = Object.fromEntries(Object.keys(manager.headers).map(name => [name, '***']))
  const hidden = JSON.parse(JSON.stringify({ ...rest, manager: { ...manager, headers }, processors }))
  return JSON.parse(JSON.stringify(hidden).replaceAll('"TOKEN"', '"***"'))
}

describe('effective configuration', () => {
  for (const [name, toml] of [
    ['the basic example', sample('mock')],
    ['the same with everything in force', uncommented(sample('mock'))],
    ['the smallest one', sample('minimal').replace('{some_ip}', '127.0.0.1')],
    ['a large machine', whole(sample('server-48c-4gpu'))],
    ['a C2 elsewhere', whole(sample('c2-outsourced'))],
    ['C2 by weight', whole(sample('c2-local-and-gpuproxy'))],
    ['example 1', sample('example-1')],
    ['example 2', sample('example-2')],
    ['example 3', sample('example-3')],
    ['example 4', sample('example-4')],
    ['many equal threads', `${MANAGER}[[sealing_thread]]\nlocation = "/s{n:02}"\ncount = 3\nsealing.max_deals = 2`],
    ['a thread without a store', `${MANAGER}[[sealing_thread]]\nplan = "wdpost"`],
  ] as const) {
    it(`reads back as the same configuration: ${name}`, () => {
      expect(withHiddenSecrets(text(toml))).to.deep.equal(withHiddenSecrets(toml))
    })
  }

  it('S004-42 S004-46: tells for each setting of a thread which level it comes from', () => {
    const toml = `${MANAGER}[sealing]
max_retries = 9
seal_interval = "1m"
recover_interval = "2m"
[[sealing_thread]]
location = "/s"
sealing.seal_interval = "3m"
sealing.recover_interval = "4m"
[[sealing_thread]]
location = "/t"`
    const hot = new Map([[0, 'plan = "snapup"\nlocation = "/elsewhere"\nsealing.recover_interval = "5m"\n']])
    const shown = text(toml, hot)
    expect(linesOf(shown, 'plan')).to.deep.equal(['plan = "snapup" # /s/config.toml:1', 'plan = "sealer" # default'])
    expect(linesOf(shown, 'location')).to.deep.equal(['location = "/s" # w.toml:8', 'location = "/t" # w.toml:12'])
    expect(linesOf(shown, 'sealing.max_retries')).to.deep.equal([
      'sealing.max_retries = 9 # [sealing] w.toml:4',
      'sealing.max_retries = 9 # [sealing] w.toml:4',
    ])
    expect(linesOf(shown, 'sealing.seal_interval')).to.deep.equal([
      'sealing.seal_interval = "3m" # w.toml:9',
      'sealing.seal_interval = "1m" # [sealing] w.toml:5',
    ])
    expect(linesOf(shown, 'sealing.recover_interval')[0]).to.equal('sealing.recover_interval = "5m" # /s/config.toml:3')
    expect(linesOf(shown, 'sealing.rpc_polling_interval')[0]).to.equal('sealing.rpc_polling_interval = "3m" # default')
    expect(linesOf(shown, 'sealing.max_deals')[0]).to.equal('# sealing.max_deals = # default: no limit')
  })

  it('what was written under an old name is told with its line', () => {
    const shown = text(
      `[worker]\nlocal_pieces_dir = "/p"\n${whole('[remote_store]\nlocation = "/r"\n[processors.limit]\npc1 = 3\n')}`,
    )
    expect(linesOf(shown, 'local_pieces_dirs')).to.deep.equal(['local_pieces_dirs = ["/p"] # w.toml:2'])
    expect(linesOf(shown, 'limitation.concurrent.pc1')).to.deep.equal(['limitation.concurrent.pc1 = 3 # w.toml:6'])
    expect(shown).to.match(/\[\[attached\]\][^[]*location = "\/r" +# w\.toml:4/)
  })

  it('hides secrets, and tells where they stand', () => {
    const toml = `[sector_manager]
rpc_client.addr = "ws://10.0.0.1:1789"
rpc_client.headers = { Authorization = "Bearer hush" }
piece_token = "literal:hush"
[[sealing_thread]]
location = "/s"
[[processors.add_pieces]]
[[processors.c2]]
args = ["--token", "hush", "--url", "http://u:hush@h"]
envs = { RUST_LOG = "info", MY_SECRET = "hush" }`
    const shown = text(toml)
    expect(shown).not.to.contain('hush')
    expect(linesOf(shown, 'piece_token')).to.deep.equal(['piece_token = "***" # w.toml:4'])
    expect(linesOf(shown, 'envs.PIECE_FETCHER_TOKEN')).to.deep.equal([
      'envs.PIECE_FETCHER_TOKEN = "***" # sector_manager.piece_token',
    ])
    expect(linesOf(shown, 'envs.RUST_LOG')).to.deep.equal(['envs.RUST_LOG = "info" # w.toml:10'])
  })

  it('S004-78: tells the time for the ready line by what is started', () => {
    const shown = text(whole('[[processors.c2]]\n[[processors.c2]]\nbin = "/c2"\n'))
    expect(linesOf(shown, 'stable_wait')).to.deep.equal([
      'stable_wait = "60s" # default',
      'stable_wait = "5s" # default',
    ])
  })
})
