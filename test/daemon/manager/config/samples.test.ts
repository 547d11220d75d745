import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { parseToml } from '../../../../daemon/kit/config/toml-file.js'
import { defaultConfigText } from '../../../../daemon/manager/config/default-file.js'
import { effectiveSettings } from '../../../../daemon/manager/config/effective.js'
import { interpretSettings, loadSettings } from '../../../../daemon/manager/config/load-settings.js'
import { ManagerSettings } from '../../../../daemon/manager/config/manager-settings.js'
import { keyNotes } from '../../../../daemon/manager/config/notes.js'
import { Address } from '../../../../rpc-schema/wire/address.js'

/** Tests run from `dist/`, the samples stay in the source tree. */
const sample = (name: string): string =>
  readFileSync(new URL(`../../../../../test/vectors/manager-config/${name}`, import.meta.url), 'utf8')

const load = (text: string) => loadSettings(parseToml(text, 'sector-manager.cfg'))

/** Every line out of its comment, but for words. */
const uncommented = (text: string): string => text.replace(/^#(?=\[|\w+ = )/gm, '')

const NANO_5 = 5n * 10n ** 9n

describe('sector-manager.cfg: jobs of window proofs', () => {
  const ofJobs = (text: string) =>
    load(`[Common.API]\nChain = "/ip4/127.0.0.1/tcp/1"\n${text}`).config.common.Proving.WorkerProver

  it('S001-20…23: two tries, 15 seconds and 25 hours, when nothing else is said and as the document says it', () => {
    const wanted = { JobMaxTry: 2, HeartbeatTimeout: 15_000, JobLifetime: 25 * 3_600_000 }
    expect(ofJobs('')).to.include(wanted)
    const written = '[Common.Proving.WorkerProver]\nJobMaxTry = 2\nHeartbeatTimeout = "15s"\nJobLifetime = "25h0m0s"\n'
    expect(ofJobs(written)).to.include(wanted)
    expect(ofJobs('[Common.Proving.WorkerProver]\nJobLifetime = "1h30m"\n')).to.include({ JobLifetime: 5_400_000 })
  })
})

describe('sector-manager.cfg of the seed', () => {
  const text = sample('seed-sector-manager.cfg')
  const actor = text.replace('#Actor = 1447', 'Actor = 1447')

  it('S003-3…9, S003-13, S003-15: the generated sample loads as it is; stores without name and path do not count', () => {
    const { config, warnings } = load(text)
    expect(config.common.API).to.deep.equal({
      Chain: '/ip4/47.243.169.165/tcp/1234/ws',
      Messager: '/dns/cali-messager.filincubator.com/tcp/82/wss',
      Market: '/ip4/127.0.0.1/tcp/41235',
      Gateway: ['/dns/cali-gateway.filincubator.com/tcp/83/wss'],
      Token: /Token = "(.*)"/.exec(text)![1],
      ChainEventInterval: 60_000,
    })
    expect(config.persistStores).to.deep.equal([])
    expect(config.pieceStores).to.deep.equal([])
    expect(config.miners.size).to.equal(0)
    expect(warnings.map(({ message }) => message)).to.deep.equal(['a miner without Actor, ignored'])
  })

  it('S003-16, S003-30…38: the miner of the sample', () => {
    const { config, warnings } = load(actor)
    expect(warnings).to.deep.equal([])
    const { PoSt, Proof, Sealing } = config.miners.get(1447)!
    expect(PoSt.Sender?.toString()).to.match(
      /^[ft]3sc7rocifuabifirjul34bcpq2m2vvrg6yz2pghbbikd4aylnvhfs7dkeoaydmprzj7m4ptiff7k436x4slqa$/,
    )
    expect(PoSt).to.deep.include({
      Enabled: true,
      StrictCheck: false,
      Parallel: false,
      GasOverEstimation: 1.2,
      GasOverPremium: 0,
      GasFeeCap: NANO_5,
      Confidence: 6,
      SubmitConfidence: 0,
      ChallengeConfidence: 0,
      MaxRecoverSectorLimit: 0,
      MaxPartitionsPerPoStMessage: 0,
      MaxPartitionsPerRecoveryMessage: 0,
    })
    expect(Proof.Enabled).to.equal(true)
    expect(Sealing.SealingEpochDuration).to.equal(0)
  })

  it('S003-10…14, S003-17…29, S003-31: with every key out of its comment', () => {
    const { config, warnings } = load(uncommented(text))
    expect(warnings.map(({ path }) => path)).to.have.members([
      'Miners[0].Commitment.Pre.Batch.Enabled',
      'Miners[0].Commitment.Prove.Batch.Enabled',
      'Miners[0].Commitment.Terminate.Batch.Enabled',
    ])
    expect(config.persistStores[0]).to.deep.include({
      Name: 'theduan1',
      Path: '/storage02/cluster-cailbnet/duan-force-sealer/nfs/192.168.200.35',
      Strict: false,
      ReadOnly: false,
      Weight: 0,
      AllowMiners: [1447],
      DenyMiners: [3, 4],
      Plugin: 'path/to/objstore-plugin',
      Meta: { SomeKey: 'SomeValue' },
    })
    expect(config.pieceStores[0]).to.deep.include({ Name: '{store_name}', Meta: { SomeKey: 'SomeValue' } })
    expect(config.common.MongoKVStore).to.deep.include({ Enable: false, DatabaseName: 'test' })
    const { Sector, SnapUp, Commitment } = config.miners.get(1447)!
    expect(Sector).to.deep.include({
      InitNumber: 1301,
      MinNumber: 10,
      MaxNumber: 1_000_000,
      Enabled: true,
      EnableDeals: false,
      LifetimeDays: 540,
      Verbose: false,
    })
    expect(SnapUp).to.deep.include({
      Enabled: false,
      Sender: Address.parse('f1abjxfbp274xpdqcpuaykwkfb43omjotacm2p3za'),
      SendFund: true,
      GasOverEstimation: 1.2,
      GasOverPremium: 0,
      GasFeeCap: NANO_5,
      MaxFeeCap: null,
      MessageConfidence: 15,
      ReleaseConfidence: 30,
    })
    expect(SnapUp.Retry).to.deep.equal({
      MaxAttempts: 10,
      PollInterval: 180_000,
      APIFailureWait: 180_000,
      LocalFailureWait: 180_000,
    })
    expect(Commitment.Confidence).to.equal(10)
    for (const [kind, threshold] of [
      ['Pre', 16],
      ['Prove', 16],
      ['Terminate', 5],
    ] as const) {
      expect(Commitment[kind].Sender?.toString()).to.match(/^[ft]3sc7/)
      expect(Commitment[kind]).to.deep.include({ SendFund: true, GasFeeCap: NANO_5, MaxFeeCap: NANO_5 })
      expect(Commitment[kind].Batch).to.deep.include({
        Threshold: threshold,
        MaxWait: 3_600_000,
        CheckInterval: 60_000,
        GasFeeCap: NANO_5,
        MaxFeeCap: null,
      })
    }
  })

  it('S003-50: two stores, with comments behind tabs', () => {
    const { config } = load(sample('seed-stores.cfg'))
    expect(
      config.persistStores.map(({ Name, Path, AllowMiners, Weight }) => ({ Name, Path, AllowMiners, Weight })),
    ).to.deep.equal([
      { Name: 'storage1', Path: '/mnt/mount/nfs/0.0.0.0', AllowMiners: [1008], Weight: 0 },
      { Name: 'storage2', Path: '/mnt/mount/nfs/0.0.0.1', AllowMiners: [1008], Weight: 0 },
    ])
    expect(sample('seed-stores.cfg')).to.match(/"\t+# /)
  })

  it('several miners and stores: each starts from the defaults, in the order of the file', () => {
    const { config } = load(`[[Miners]]
Actor = 1000
Sector.LifetimeDays = 360
[[Common.PieceStores]]
Path = "/p/1"
[[Miners]]
Actor = 1001
[Miners.Commitment]
Confidence = 20
[[Common.PieceStores]]
Path = "/p/2"
ReadOnly = true
`)
    expect([...config.miners.keys()]).to.deep.equal([1000, 1001])
    const [first, second] = [...config.miners.values()]
    expect([first!.Sector.LifetimeDays, second!.Sector.LifetimeDays]).to.deep.equal([360, 540])
    expect([first!.Commitment.Confidence, second!.Commitment.Confidence]).to.deep.equal([10, 20])
    expect(config.pieceStores.map(({ Path, ReadOnly }) => [Path, ReadOnly])).to.deep.equal([
      ['/p/1', false],
      ['/p/2', true],
    ])
  })
})

describe('the file of daemon init', () => {
  const text = defaultConfigText()

  it('S003-2: begins with its title and loads to the defaults as it is', () => {
    expect(text.startsWith('# Default config:\n')).to.equal(true)
    const { common, ...rest } = load(text).config
    const none = load('').config
    // What has no name and no path is no store, and what has no Actor no miner.
    expect(rest).to.deep.equal({ persistStores: [], pieceStores: [], miners: new Map() })
    expect({ ...common, PersistStores: [], PieceStores: [] }).to.deep.equal(none.common)
  })

  it('S003-2: with everything out of its comment each key has its default, or its example', () => {
    const file = parseToml(uncommented(text), 'sector-manager.cfg')
    expect(loadSettings(file).warnings).to.deep.equal([])
    const written = effectiveSettings(interpretSettings(file).file)
    const standard = effectiveSettings(
      interpretSettings(parseToml('[[Miners]]\n[[Common.PersistStores]]\n[[Common.PieceStores]]\n', 'd.cfg')).file,
    )
    const values = (tables: typeof written): Map<string, unknown> =>
      new Map(
        tables.flatMap(({ header, settings }) =>
          settings.map(({ key, value }) => [`${header} ${key.join('.')}`, value]),
        ),
      )
    const defaults = values(standard)
    const differing = [...values(written)].filter(
      ([key, value]) => JSON.stringify(value) !== JSON.stringify(defaults.get(key)),
    )
    const named = new Set([...examples(ManagerSettings)].map(name => name))
    for (const [key] of differing) expect(named.has(key.split(' ').at(-1)!), key).to.equal(true)
    expect(differing.length).to.be.greaterThan(5)
    expect([...values(written).keys()]).to.have.members([...defaults.keys()])
  })
})

/** Names of the keys that are written with an example. */
function examples(schema: unknown, found = new Set<string>()): Set<string> {
  const at = schema as {
    def?: { innerType?: unknown; element?: unknown; in?: unknown; shape?: Record<string, unknown> }
  }
  const { innerType, element, in: input, shape } = at.def ?? {}
  for (const [name, value] of Object.entries(shape ?? {})) {
    if (keyNotes.get(value as never)?.example !== undefined) found.add(name)
    if (name === 'Meta') found.add(name)
    examples(value, found)
  }
  for (const inner of [innerType, element, input]) if (inner !== undefined) examples(inner, found)
  return found
}
