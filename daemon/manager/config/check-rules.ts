import { parseEndpoint } from '../../../rpc-schema/rpc/endpoint.js'
import type { ConfigProblem } from '../../kit/config/config-error.js'
import { withoutTokens } from '../../kit/config/hidden.js'
import { NEWEST_RULES, POLICY } from '../chain/network-version.js'
import { serviceAddresses } from '../chain/services.js'
import { type CheckSubject, minersOf, problemAt, storesOf } from './check-subject.js'
import type { MinerSetup } from './load-settings.js'
import { formatFilSetting } from './values.js'

// What the values of a configuration must have to do with one another.

/** Tables of a miner that hold the fee keys. */
const FEE_TABLES = [
  ['SnapUp'],
  ['Commitment', 'Pre'],
  ['Commitment', 'Pre', 'Batch'],
  ['Commitment', 'Prove'],
  ['Commitment', 'Prove', 'Batch'],
  ['Commitment', 'Terminate'],
  ['Commitment', 'Terminate', 'Batch'],
  ['PoSt'],
] as const

interface Fees {
  GasOverEstimation: number
  GasFeeCap: bigint | null
  MaxFeeCap: bigint | null
}

const EPOCHS_OF_CHALLENGE_WINDOW = 60
// Without a chain to ask, what the newest network takes.
const LIFETIME_DAYS = {
  least: NEWEST_RULES.life.least / POLICY.epochsPerDay,
  most: NEWEST_RULES.life.mostAhead / POLICY.epochsPerDay,
} as const
const MOST_IN_MESSAGE = { Pre: NEWEST_RULES.mostPreCommits, Prove: NEWEST_RULES.aggregate.most } as const

type Found = [path: PropertyKey[], message: string]

/** Runs a rule over every miner. */
function perMiner(subject: CheckSubject, rule: (setup: MinerSetup) => Found[]): ConfigProblem[] {
  return minersOf(subject).flatMap(({ actor, path }) => {
    const setup = subject.setup.miners.get(actor)
    return setup === undefined
      ? []
      : rule(setup).map(([below, message]) => problemAt(subject, [...path, ...below], message))
  })
}

const feesAt = (setup: MinerSetup, path: readonly string[]): Fees => {
  let at: unknown = setup
  for (const name of path) at = (at as Record<string, unknown>)[name]
  return at as Fees
}

const perFeeTable = (setup: MinerSetup, rule: (fees: Fees, path: string[]) => Found[]): Found[] =>
  FEE_TABLES.flatMap(path => rule(feesAt(setup, path), [...path]))

const KEY_OF = { chain: 'Chain', messager: 'Messager', market: 'Market' } as const

export function addresses(subject: CheckSubject): ConfigProblem[] {
  const { API } = subject.setup.common
  const own = { ...API, Gateway: [] }
  const all: [PropertyKey[], string][] = [
    ...(['chain', 'messager', 'market'] as const).flatMap(name =>
      serviceAddresses(name, own).map((text): [PropertyKey[], string] => [[KEY_OF[name]], text]),
    ),
    ...API.Gateway.map((text, index): [PropertyKey[], string] => [['Gateway', index], text]),
  ]
  return all.flatMap(([path, text]) => {
    if (text === '') return []
    try {
      parseEndpoint(text)
      return []
    } catch (error) {
      return [problemAt(subject, ['Common', 'API', ...path], withoutTokens((error as Error).message))]
    }
  })
}

export function noChain(subject: CheckSubject): ConfigProblem[] {
  if (serviceAddresses('chain', subject.setup.common.API).length > 0) return []
  return [problemAt(subject, ['Common', 'API', 'Chain'], 'expected the address of the chain node, found nothing')]
}

export const noMiner = (subject: CheckSubject): ConfigProblem[] =>
  subject.setup.miners.size > 0 ? [] : [problemAt(subject, ['Miners'], 'no miner: nothing will be sealed')]

export const noPersistStore = (subject: CheckSubject): ConfigProblem[] =>
  subject.setup.persistStores.length > 0 || subject.setup.common.ScanPersistStores.length > 0
    ? []
    : [problemAt(subject, ['Common', 'PersistStores'], 'no persist store: no sector can be kept')]

export const feeCapTwice = (subject: CheckSubject): ConfigProblem[] =>
  perMiner(subject, setup =>
    perFeeTable(setup, ({ GasFeeCap, MaxFeeCap }, path) =>
      MaxFeeCap !== null && MaxFeeCap !== 0n && GasFeeCap !== null && GasFeeCap !== 0n && GasFeeCap !== MaxFeeCap
        ? [
            [
              [...path, 'MaxFeeCap'],
              `${formatFilSetting(MaxFeeCap)} contradicts GasFeeCap = ${formatFilSetting(GasFeeCap)}, which holds; MaxFeeCap is its old name`,
            ],
          ]
        : [],
    ),
  )

export const gasBelowEstimate = (subject: CheckSubject): ConfigProblem[] =>
  perMiner(subject, setup =>
    perFeeTable(setup, ({ GasOverEstimation: factor }, path) =>
      factor > 0 && factor < 1
        ? [[[...path, 'GasOverEstimation'], `expected at least 1, found ${factor}: messages would run out of gas`]]
        : [],
    ),
  )

export const lifetime = (subject: CheckSubject): ConfigProblem[] =>
  perMiner(subject, ({ Sector: { LifetimeDays: days } }) =>
    days !== 0 && (days < LIFETIME_DAYS.least || days > LIFETIME_DAYS.most)
      ? [
          [
            ['Sector', 'LifetimeDays'],
            `expected 0 or ${LIFETIME_DAYS.least} to ${LIFETIME_DAYS.most} days, found ${days}: the network gives the nearest`,
          ],
        ]
      : [],
  )

export const startNumberTwice = (subject: CheckSubject): ConfigProblem[] =>
  perMiner(subject, ({ Sector: { InitNumber, MinNumber } }) =>
    MinNumber !== null && InitNumber > MinNumber
      ? [[['Sector', 'InitNumber'], `has no effect: MinNumber = ${MinNumber} holds; InitNumber is its old name`]]
      : [],
  )

export const batchTimes = (subject: CheckSubject): ConfigProblem[] =>
  perMiner(subject, ({ Commitment }) =>
    (['Pre', 'Prove', 'Terminate'] as const).flatMap((kind): Found[] => {
      const { MaxWait, CheckInterval } = Commitment[kind].Batch
      const path = ['Commitment', kind, 'Batch', 'CheckInterval']
      return CheckInterval > MaxWait && MaxWait > 0
        ? [[path, `is longer than MaxWait (${MaxWait / 1_000} s): sectors wait up to ${CheckInterval / 1_000} s`]]
        : []
    }),
  )

export const batchSizes = (subject: CheckSubject): ConfigProblem[] =>
  perMiner(subject, ({ Commitment }) =>
    (['Pre', 'Prove'] as const).flatMap((kind): Found[] => {
      const { Threshold } = Commitment[kind].Batch
      const most = MOST_IN_MESSAGE[kind]
      return Threshold > most
        ? [
            [
              ['Commitment', kind, 'Batch', 'Threshold'],
              `expected at most ${most}, which the network takes in one message, found ${Threshold}`,
            ],
          ]
        : []
    }),
  )

export const postConfidences = (subject: CheckSubject): ConfigProblem[] =>
  perMiner(subject, ({ PoSt }) =>
    (['SubmitConfidence', 'ChallengeConfidence'] as const).flatMap((name): Found[] => {
      const epochs = PoSt[name]
      return epochs < 0 || epochs >= EPOCHS_OF_CHALLENGE_WINDOW
        ? [
            [
              ['PoSt', name],
              `expected 0 to ${EPOCHS_OF_CHALLENGE_WINDOW - 1} epochs, found ${epochs}: a deadline is ${EPOCHS_OF_CHALLENGE_WINDOW} epochs long`,
            ],
          ]
        : []
    }),
  )

export const snapConfidences = (subject: CheckSubject): ConfigProblem[] =>
  perMiner(subject, ({ SnapUp }) => {
    const message = SnapUp.MessageConfidential ?? SnapUp.MessageConfidence
    const release = SnapUp.ReleaseCondidential ?? SnapUp.ReleaseConfidence
    const name = SnapUp.ReleaseCondidential === null ? 'ReleaseConfidence' : 'ReleaseCondidential'
    return release < message
      ? [
          [
            ['SnapUp', name],
            `expected at least the confidence of messages (${message}), found ${release}: files would go before the upgrade is sure`,
          ],
        ]
      : []
  })

export const snapWithoutDeals = (subject: CheckSubject): ConfigProblem[] =>
  perMiner(subject, ({ SnapUp, Sector }) =>
    SnapUp.Enabled && !Sector.EnableDeals
      ? [[['SnapUp', 'Enabled'], 'has no effect while Sector.EnableDeals is false: there are no deals to put in']]
      : [],
  )

export function dealsWithoutMarket(subject: CheckSubject): ConfigProblem[] {
  if (serviceAddresses('market', subject.setup.common.API).length > 0) return []
  return perMiner(subject, ({ Sector }) =>
    Sector.EnableDeals ? [[['Sector', 'EnableDeals'], 'has no effect without Common.API.Market']] : [],
  )
}

export function provingTimes(subject: CheckSubject): ConfigProblem[] {
  const { SingleCheckTimeout, PartitionCheckTimeout, WorkerProver } = subject.setup.common.Proving
  const at = (path: string[], message: string): ConfigProblem =>
    problemAt(subject, ['Common', 'Proving', ...path], message)
  return [
    ...(PartitionCheckTimeout > 0 && PartitionCheckTimeout < SingleCheckTimeout
      ? [at(['PartitionCheckTimeout'], 'is shorter than SingleCheckTimeout, which is only one sector of it')]
      : []),
    ...(WorkerProver.HeartbeatTimeout >= WorkerProver.JobLifetime
      ? [at(['WorkerProver', 'HeartbeatTimeout'], 'is not shorter than JobLifetime: no job would ever be taken back')]
      : []),
    ...(WorkerProver.JobMaxTry === 0 ? [at(['WorkerProver', 'JobMaxTry'], 'expected at least 1, found 0')] : []),
  ]
}

export const allowedAndDenied = (subject: CheckSubject): ConfigProblem[] =>
  storesOf(subject, 'PersistStores').flatMap(({ store, path }) => {
    const both = store.AllowMiners.filter(miner => store.DenyMiners.includes(miner))
    return both.length === 0
      ? []
      : [problemAt(subject, [...path, 'DenyMiners'], `${both.join(', ')} stands in AllowMiners, too: it is denied`)]
  })

export const strangersAllowed = (subject: CheckSubject): ConfigProblem[] =>
  storesOf(subject, 'PersistStores').flatMap(({ store, path }) => {
    if (subject.setup.miners.size === 0) return []
    const unknown = store.AllowMiners.filter(miner => !subject.setup.miners.has(miner))
    return unknown.length === 0
      ? []
      : [problemAt(subject, [...path, 'AllowMiners'], `${unknown.join(', ')}: there is no such [[Miners]]`)]
  })
