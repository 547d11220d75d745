import type { SimulationOptions } from '../../post/post-simulation.js'

type Situation = Pick<SimulationOptions, 'calm' | 'hangs' | 'impose' | 'seed'>

export interface Scenario {
  readonly about: string
  readonly epochs: number
  readonly situation: Situation
  /** The rules that fire, in the order in which they begin to; none other may. */
  readonly fires: readonly string[]
}

/** When what is not as it should be begins. */
const BEGIN = 250

const from = (
  act: (
    chain: Parameters<NonNullable<Situation['impose']>>[1],
    storage: Parameters<NonNullable<Situation['impose']>>[2],
  ) => void,
  until = Number.POSITIVE_INFINITY,
): Situation => ({
  seed: 7,
  calm: true,
  impose: (epoch, chain, storage) => {
    if (epoch < BEGIN || epoch >= until) {
      storage.impose({})
      chain.isAway = false
    } else act(chain, storage)
  },
})

/** Hours of a manager with two miners, and what somebody has to be told of them. `node dist/test/daemon/manager/http/alerts/record.js` records them anew. */
export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  'ordinary-half-day': {
    about:
      'null rounds, reorgs, a node that is away for up to ten minutes, stores that are slow, provers that fail now and then',
    epochs: 1_440,
    situation: { seed: 20_261_129, hangs: false },
    fires: [],
  },
  'quiet-night': { about: 'nothing happens', epochs: 800, situation: from(() => {}, 0), fires: [] },
  'slow-prover': {
    about: 'a proof takes 45 minutes, and there are two in each window',
    epochs: 800,
    situation: from((_, storage) => storage.impose({ prove: 90 })),
    fires: ['PostWindowAtRisk', 'PostWindowMissed'],
  },
  'slow-stores': {
    about: 'reading takes 40 minutes instead of one',
    epochs: 800,
    situation: from((_, storage) => storage.impose({ read: 80 })),
    fires: ['PostForecastLate', 'PostWindowAtRisk', 'PostWindowMissed', 'PostForecastTight'],
  },
  'hung-store': {
    about: 'one of ten stores hangs',
    epochs: 800,
    situation: from((_, storage) => storage.impose({}, 3)),
    fires: ['PostUnreadSectors', 'PostSectorsSkipped'],
  },
  'node-gone': {
    about: 'the node is away for two and a half hours, then it is back',
    epochs: 800,
    situation: from(chain => {
      chain.isAway = true
    }, BEGIN + 300),
    fires: ['ChainHeadStands', 'PostSilent', 'PostWindowMissed'],
  },
}
