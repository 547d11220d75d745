import { expect } from 'chai'
import { ConfigError } from '../../../../daemon/kit/config/config-error.js'
import { load, MANAGER } from './sample-files.js'

const MINUTE = 60_000

/** The problems of a configuration, one a line. */
function problems(text: string): string {
  try {
    load(text)
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  return 'none'
}

describe('worker configuration', () => {
  it('S004-16…19 S004-23 S004-24 S004-28…40: has the documented defaults', () => {
    const { config } = load(`${MANAGER}\n[[sealing_thread]]\nlocation = "s"`)
    expect(config).to.deep.include({
      name: undefined,
      rpc: { host: '0.0.0.0', port: 17_890 },
      pingIntervalMs: 30_000,
      localPiecesDirs: [],
      scanPersistStores: [],
      manager: { address: '/ip4/127.0.0.1/tcp/1789', headers: {}, pieceToken: undefined },
      attached: [],
      metrics: { enable: false, listen: '0.0.0.0:9000' },
    })
    expect(config.threads[0]).to.deep.equal({
      location: 's',
      plan: 'sealer',
      sealing: {
        allowedMiners: [],
        allowedSizes: undefined,
        enableDeals: false,
        disableCc: false,
        maxDeals: undefined,
        minDealSpaceBytes: undefined,
        maxRetries: 5,
        sealIntervalMs: 30_000,
        recoverIntervalMs: 30_000,
        pollingIntervalMs: 180_000,
        ignoreProofCheck: false,
        requestTaskMaxRetries: 3,
        verifyAfterPc2: false,
        windowParts: ['whole'],
      },
    })
  })

  it('S004-42, S004-46: a thread overrides key by key', () => {
    const { config } = load(`${MANAGER}
[sealing]
allowed_miners = [1, 2]
recover_interval = "90s"
min_deal_space = "8GiB"
max_retries = 10
[[sealing_thread]]
location = "a"
sealing.allowed_miners = [3]
sealing.allowed_sizes = ["32GiB", "64 gib"]
sealing.seal_interval = "1h 30m"
[[sealing_thread]]
location = "b"
plan = "sealer"`)
    const [a, b] = config.threads
    expect(a!.sealing).to.deep.include({ allowedMiners: [3], recoverIntervalMs: 90_000, sealIntervalMs: 90 * MINUTE })
    expect(a!.sealing.allowedSizes).to.deep.equal([32 * 1024 ** 3, 64 * 1024 ** 3])
    expect(b!.sealing).to.deep.include({ allowedMiners: [1, 2], maxRetries: 10, sealIntervalMs: 30_000 })
    expect(b!.sealing.minDealSpaceBytes).to.equal(8 * 1024 ** 3)
  })

  it('takes the old names', () => {
    const { config, warnings } = load(`${MANAGER}
[worker]
ScanPersistStores = ["/mnt/*"]
local_pieces_dir = "/pieces"
[[sealing_thread]]
location = "s"
[processors.limit]
pc1 = 4
[attached_selection]
enable_space_weighted = true`)
    expect(config.scanPersistStores).to.deep.equal(['/mnt/*'])
    expect(config.localPiecesDirs).to.deep.equal(['/pieces'])
    expect(config.processors.limitation.concurrent).to.deep.equal({ pc1: 4 })
    expect(warnings.map(warning => warning.path)).to.deep.equal(['processors.limit', 'attached_selection'])
  })

  it('gives the piece token to the children that fetch pieces', () => {
    const { config } = load(`${MANAGER}piece_token = "secret"
[[sealing_thread]]
location = "s"
[[processors.add_pieces]]
envs = { A = "b" }
[[processors.c2]]`)
    expect(config.processors.children.add_pieces![0]!.envs).to.deep.equal({ A: 'b', PIECE_FETCHER_TOKEN: 'secret' })
    expect(config.processors.children.c2![0]!.envs).to.deep.equal({})
  })

  it('reads every key of a processor', () => {
    const { config } = load(`${MANAGER}
[[sealing_thread]]
location = "s"
[processors.limitation.staggered]
pc1 = "5min"
[processors.ext_locks]
gpu = 2
[[processors.c2]]
bin = "/opt/c2"
args = ["--url", "x"]
stable_wait = "1m"
cgroup = { group_name = "g", cpuset = "0-3" }
concurrent = 4
locks = ["gpu", "other"]
auto_restart = false
inherit_envs = false
weight = 55
stall_limit = "2h"`)
    expect(config.processors.limitation.staggered).to.deep.equal({ pc1: 5 * MINUTE })
    expect(config.processors.extLocks).to.deep.equal({ gpu: 2 })
    expect(config.processors.children.c2![0]).to.deep.equal({
      bin: '/opt/c2',
      args: ['--url', 'x'],
      stableWaitMs: MINUTE,
      numaPreferred: undefined,
      cgroup: { groupName: 'g', cpuset: '0-3' },
      envs: {},
      concurrent: 4,
      locks: ['gpu', 'other'],
      autoRestart: false,
      inheritEnvs: false,
      weight: 55,
      stallLimitMs: 120 * MINUTE,
    })
  })

  it('gives a foreign program 5 s to be ready, and the built-in ones a minute', () => {
    const { children } = load(`${MANAGER}
[[sealing_thread]]
location = "s"
[[processors.c2]]
[[processors.c2]]
bin = "/opt/c2"`).config.processors
    expect(children.c2!.map(child => child.stableWaitMs)).to.deep.equal([MINUTE, 5_000])
  })

  describe('says what is wrong and where', () => {
    for (const [what, text, message] of [
      ['broken TOML', '[worker]\nname = "a\n', /^w\.toml:2: broken TOML/],
      ['no manager', '[[sealing_thread]]\nlocation = "s"', /^w\.toml: sector_manager: expected object, found nothing$/],
      ['no threads', MANAGER, /^w\.toml: sealing_thread: expected array, found nothing$/],
      [
        'a bad duration',
        `${MANAGER}[sealing]\nseal_interval = "soon"\n[[sealing_thread]]\nlocation = "s"`,
        /^w\.toml:4: sealing\.seal_interval: expected a duration like .*, found "soon"$/,
      ],
      [
        'a number that should be a duration',
        `${MANAGER}[sealing]\nseal_interval = 30\n[[sealing_thread]]\nlocation = "s"`,
        /^w\.toml:4: sealing\.seal_interval: expected a duration like .*, found 30$/,
      ],
      [
        'a sector size that does not exist',
        `${MANAGER}[[sealing_thread]]\nlocation = "s"\nsealing.allowed_sizes = ["32GiB", "16GiB"]`,
        /^w\.toml:5: sealing_thread\[0\]\.sealing\.allowed_sizes\[1\]: expected a sector size \(2KiB, .*\), found "16GiB"$/,
      ],
      [
        'an address',
        '[sector_manager]\nrpc_client.addr = "/ip4/nowhere"\n[[sealing_thread]]\nlocation = "s"',
        /^w\.toml:2: sector_manager\.rpc_client\.addr: no address of a manager found: cannot read the address/,
      ],
      [
        'a host that is no IP',
        `${MANAGER}[worker]\nrpc_server.host = "here"\n[[sealing_thread]]\nlocation = "s"`,
        /^w\.toml:4: worker\.rpc_server\.host: expected an IP address, found "here"$/,
      ],
      [
        'a plan nobody knows',
        `${MANAGER}[[sealing_thread]]\nlocation = "a"\nplan = "seal"`,
        /^w\.toml:5: sealing_thread\[0\]\.plan: expected one of sealer, .*, found "seal"$/,
      ],
      [
        'a thread without a store',
        `${MANAGER}[[sealing_thread]]\nplan = "sealer"`,
        /^w\.toml:3: sealing_thread\[0\]\.location: expected a directory, found nothing /,
      ],
    ] as const) {
      it(what, () => {
        expect(problems(text)).to.match(message)
      })
    }

    it('S001-25 S001-26 S001-27 S004-43: only wdpost needs no store; its thread may name miners and sizes', () => {
      const { config } = load(
        `${MANAGER}[[sealing_thread]]\nplan = "wdpost"\nsealing.allowed_miners = [6666, 7777]\nsealing.allowed_sizes = ["32GiB", "64GiB"]`,
      )
      const [{ location, plan, sealing }] = config.threads as [(typeof config.threads)[number]]
      expect([location, plan]).to.deep.equal([undefined, 'wdpost'])
      expect(sealing).to.deep.include({ allowedMiners: [6666, 7777], allowedSizes: [32 * 1024 ** 3, 64 * 1024 ** 3] })
      for (const needy of ['sealer', 'snapup', 'unseal']) {
        expect(problems(`${MANAGER}[[sealing_thread]]\nplan = "${needy}"`)).to.match(/location: expected a directory/)
      }
    })

    it('every problem at once', () => {
      const found = problems(
        `[worker]\nping_interval = "x"\n[sector_manager]\nrpc_client.addr = ""\n[[sealing_thread]]`,
      )
      expect(found.split('\n')).to.have.length(2)
    })
  })

  it('warns of keys that nobody reads, and guesses what was meant', () => {
    const { warnings } = load(`${MANAGER}
[[sealing_thread]]
locaton = "s"
location = "s"
sealing.max_deal = 3
sealing.zzz = 1
[[processors.c2]]
autorestart = true
[processors.pc3]`)
    expect(warnings.map(({ line, path, message }) => `${line} ${path} ${message}`)).to.deep.equal([
      '5 sealing_thread[0].locaton unknown key, ignored (did you mean location?)',
      '7 sealing_thread[0].sealing.max_deal unknown key, ignored (did you mean max_deals?)',
      '8 sealing_thread[0].sealing.zzz unknown key, ignored',
      '10 processors.c2[0].autorestart unknown key, ignored (did you mean auto_restart?)',
      '11 processors.pc3 unknown key, ignored',
    ])
  })

  it('S004-72 S004-73: every stage can have processors of its own', () => {
    const stages = ['add_pieces', 'tree_d', 'pc1', 'pc2', 'c2', 'transfer']
    const newer = ['c1', 'synth_proof', 'snap_encode', 'snap_prove', 'unseal', 'window_post', 'sealing_daemons']
    const entries = [...stages, ...newer].map(stage => `[[processors.${stage}]]\nbin = "/opt/${stage}"`)
    const { config, warnings } = load(`${MANAGER}[[sealing_thread]]\nlocation = "s"\n${entries.join('\n')}`)
    expect(warnings).to.deep.equal([])
    for (const stage of [...stages, ...newer] as (keyof typeof config.processors.children)[])
      expect(
        config.processors.children[stage]?.map(({ bin }) => bin),
        stage,
      ).to.deep.equal([`/opt/${stage}`])
  })

  it('S004-22: workers of one machine listen on the ports of their files', () => {
    const port = (text: string) => load(`${text}\n${MANAGER}[[sealing_thread]]\nlocation = "s"`).config.rpc.port
    expect([port(''), port('[worker]\nrpc_server.port = 17891')]).to.deep.equal([17_890, 17_891])
  })
})
