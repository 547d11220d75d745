import { expect } from 'chai'
import { ConfigError } from '../../../daemon/kit/config/config-error.js'
import { parseToml } from '../../../daemon/kit/config/toml-file.js'
import { defaultConfigText } from '../../../daemon/manager/config/default-file.js'
import { managerHome } from '../../../daemon/manager/config/home.js'
import { loadSettings } from '../../../daemon/manager/config/load-settings.js'

const load = (text: string) => loadSettings(parseToml(text, 'sector-manager.cfg'))

function problemsOf(text: string): string[] {
  try {
    load(text)
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n')
    throw error
  }
  return []
}

describe('manager: configuration', () => {
  it('has the defaults of the original', () => {
    const { config, warnings } = load('[[Miners]]\nActor = 1000\n')
    expect(warnings).to.deep.equal([])
    const miner = config.miners.get(1000)!
    expect(miner.Sector).to.deep.equal({
      InitNumber: 0,
      MinNumber: null,
      MaxNumber: null,
      Enabled: true,
      EnableDeals: false,
      LifetimeDays: 540,
      MaxSealingSectors: 0,
      PledgeOnly: false,
      Verbose: false,
    })
    expect(miner.Commitment.Confidence).to.equal(10)
    expect(miner.Commitment.Pre).to.deep.include({
      Sender: null,
      Senders: null,
      SendFund: true,
      GasFeeCap: 5n * 10n ** 9n,
    })
    expect(miner.Commitment.Pre.Batch).to.deep.include({ Threshold: 2, MaxWait: 3_600_000, CheckInterval: 60_000 })
    expect(miner.Commitment.Prove.Batch.Threshold).to.equal(4)
    expect(miner.SnapUp).to.deep.include({ Enabled: false, MessageConfidence: 15, MaxFeeCap: null })
    expect(config.common.API.ChainEventInterval).to.equal(60_000)
  })

  it('the default file loads as it is, and with every key taken out of its comment', () => {
    const text = defaultConfigText()
    expect(text.startsWith('# Default config:\n')).to.equal(true)
    expect(load(text).warnings.map(({ path }) => path)).to.deep.equal(['Miners[0]'])
    const active = load(text.replace(/^#(?! )/gm, ''))
    expect(active.warnings).to.deep.equal([])
    const defaults = load('[[Miners]]\nActor = 1000\n').config
    expect(active.config.miners.get(1000)!.PoSt).to.deep.equal({
      ...defaults.miners.get(1000)!.PoSt,
      Senders: active.config.miners.get(1000)!.PoSt.Senders,
    })
    expect(active.config.common.Proving).to.deep.equal(defaults.common.Proving)
  })

  const BAD: readonly (readonly [name: string, text: string, problem: string | RegExp])[] = [
    ['broken syntax', '[Common\nx = 1\n', /^sector-manager.cfg:\d: broken TOML/],
    [
      'a wrong type',
      '[[Miners]]\nActor = 1\n[Miners.Sector]\nEnabled = "yes"\n',
      'sector-manager.cfg:4: Miners[0].Sector.Enabled: expected boolean, found "yes"',
    ],
    [
      'a duration',
      '[[Miners]]\nActor = 1\n[Miners.Commitment.Pre.Batch]\nMaxWait = "soon"\n',
      /^sector-manager.cfg:4: Miners\[0\].Commitment.Pre.Batch.MaxWait: expected a duration/,
    ],
    [
      'an amount',
      '[[Miners]]\nActor = 1\n[Miners.PoSt]\nGasFeeCap = "5 bananas"\n',
      /^sector-manager.cfg:4: Miners\[0\].PoSt.GasFeeCap: .*unknown unit bananas/,
    ],
    [
      'an address with a wrong checksum',
      '[[Miners]]\nActor = 1\n[Miners.PoSt]\nSenders = ["f1abjxfbp274xpdqcpuaykwkfb43omjotbcm2p3za"]\n',
      /^sector-manager.cfg:4: Miners\[0\].PoSt.Senders.*checksum/,
    ],
    [
      'a key in another case',
      '[common.api]\nCHAIN = 5\n',
      'sector-manager.cfg:2: Common.API.Chain: expected an address or a list of addresses, found 5',
    ],
    [
      'the same miner twice',
      '[[Miners]]\nActor = 7\n[[Miners]]\nActor = 7\n',
      'sector-manager.cfg:4: Miners[1].Actor: expected a miner of its own, found 7 a second time',
    ],
    [
      'the same store twice',
      '[[Common.PersistStores]]\nPath = "/a"\n[[Common.PersistStores]]\nName = "/a"\nPath = "/b"\n',
      'sector-manager.cfg:4: Common.PersistStores[1].Name: expected a name of its own, found "/a" a second time',
    ],
    [
      'limits that leave no number',
      '[[Miners]]\nActor = 7\nSector.MinNumber = 10\nSector.MaxNumber = 10\n',
      /Miners\[0\].Sector.MaxNumber: expected more than MinNumber \(10\), found 10/,
    ],
    [
      'a store without a path',
      '[[Common.PersistStores]]\nName = "a"\n',
      /PersistStores\[0\].Path: expected a directory/,
    ],
  ]
  for (const [name, text, problem] of BAD) {
    it(`tells of ${name}, with its line`, () => {
      const [first] = problemsOf(text)
      if (typeof problem === 'string') expect(first).to.equal(problem)
      else expect(first).to.match(problem)
    })
  }

  it('warns of what it ignores', () => {
    const idle = load(`[[Miners]]
Actor = 1000
[Miners.Sector]
Verbose = true
[Miners.Commitment.Prove]
GasOverEstimation = 1.2
[Miners.Commitment.Prove.Batch]
GasOverPremium = 3
`).warnings
    expect(idle.map(({ line, path }) => `${line} ${path}`)).to.have.members(['4 Miners[0].Sector.Verbose'])
    const { warnings } = load(`[Common]
Colour = "red"
[Common.API]
Messager = "/ip4/1.2.3.4/tcp/1"
[Common.DB]
Driver = "badger"
[[Common.PieceStores]]
[[Miners]]
Actor = 1
[Miners.Commitment.Pre.Batch]
Enabled = true
[Miners.Deal]
Enabled = true
`)
    expect(warnings.map(({ line, path }) => `${line} ${path}`)).to.have.members([
      '2 Common.Colour',
      '6 Common.DB.Driver',
      '11 Miners[0].Commitment.Pre.Batch.Enabled',
      '12 Miners[0].Deal',
    ])
  })

  it('finds its home by flag, environment and default', () => {
    expect(managerHome({ home: '/h' }, { DAMOCLES_PATH: '/e' }).configFile).to.equal('/h/sector-manager.cfg')
    expect(managerHome({}, { VSM_PATH: '/e' }).dir).to.equal('/e')
    expect(managerHome({ home: '/h', confDir: '/c' }, {})).to.include({
      dir: '/h',
      configFile: '/c/sector-manager.cfg',
      databaseFile: '/h/manager.db',
    })
    expect(managerHome({}, {}).dir).to.match(/\/\.damocles-manager$/)
  })
})
