import { expect } from 'chai'
import { parseToml } from '../../../../daemon/kit/config/toml-file.js'
import { silentLog } from '../../../../daemon/kit/log.js'
import { loadSettings } from '../../../../daemon/manager/config/load-settings.js'
import { Poster } from '../../../../daemon/manager/post/poster.js'
import { provingCacheFiles, sectorPaths } from '../../../../daemon/manager/storage/store-files.js'
import { FakeClock } from '../../worker/support/fake-clock.js'
import { postSettings } from './post-simulation.js'

describe('settings of window proofs', () => {
  it('S003-41 S003-43 S003-44: without settings messages are stable after 10 epochs, submission has its own default, and recoveries no limit', () => {
    const { config } = loadSettings(parseToml('[[Miners]]\nActor = 1000\n', 'sector-manager.cfg'))
    expect(config.miners.get(1000)!.PoSt).to.deep.include({
      Confidence: 10,
      SubmitConfidence: 0,
      ChallengeConfidence: 0,
      MaxRecoverSectorLimit: 0,
    })
  })

  it('S003-41: Confidence is how deep proofs and recoveries must lie to be stable; as it is set at the moment', () => {
    const confidence = new Map<string, (miner: number) => number>()
    let settings = postSettings({ Confidence: 15 })
    new Poster({
      sending: {
        desk: {
          register: (kind: string, effects: { confidence(miner: number): number }) =>
            void confidence.set(kind, effects.confidence),
        },
      },
      heads: { subscribe: () => () => {} },
      settings: () => settings,
      clock: new FakeClock(),
      log: silentLog,
    } as never)
    expect([...confidence.keys()]).to.deep.equal(['post', 'recover'])
    for (const of of confidence.values()) expect(of(1000)).to.equal(15)
    settings = postSettings({ Confidence: 20 })
    expect(confidence.get('post')!(1000)).to.equal(20)
  })

  it('S003-45: files lie where other programs have put them, and these are the ones that a proof needs', () => {
    expect(sectorPaths({ Miner: 1008, Number: 7 }, false)).to.deep.equal({
      sealed: 'sealed/s-t01008-7',
      cache: 'cache/s-t01008-7',
    })
    expect([...provingCacheFiles(2048)].sort()).to.deep.equal(['p_aux', 'sc-02-data-tree-r-last.dat', 't_aux'])
    expect(provingCacheFiles(34_359_738_368)).to.include('sc-02-data-tree-r-last-7.dat')
  })
})
