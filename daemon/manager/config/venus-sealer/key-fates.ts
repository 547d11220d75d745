import { formatGoDuration } from '../../../kit/config/duration.js'
import type { SealerSettings } from './sealer-settings.js'

type Target = readonly (string | number)[]

/** What becomes of a key, or of a whole table, of venus-sealer's `config.toml`. */
export interface KeyFate {
  readonly key: string
  /** The settings of the manager that it sets, as paths of `sector-manager.cfg`. */
  readonly to: readonly Target[]
  /** What it sets there, as it would stand in the file; undefined sets nothing. */
  readonly value: (value: unknown, all: SealerSettings) => unknown
  /** Said when it is set to something that does not happen here: what to use instead. */
  readonly instead?: string
  /** Values that ask for nothing else than what happens here anyway. */
  readonly same: (value: unknown) => boolean
  /** Takes effect elsewhere than in the settings. */
  readonly about?: string
}

const MINER = ['Miners', 0] as const
const PRE = [...MINER, 'Commitment', 'Pre'] as const
const PROVE = [...MINER, 'Commitment', 'Prove'] as const
const TERMINATE = [...MINER, 'Commitment', 'Terminate'] as const
const SNAP_UP = [...MINER, 'SnapUp'] as const

const never = (): boolean => false
const nothing = (): undefined => undefined

function sets<T>(
  key: string,
  to: readonly Target[],
  value: (value: T, all: SealerSettings) => unknown = same => same,
  about?: string,
): KeyFate {
  return { key, to, value: value as KeyFate['value'], same: never, ...(about && { about }) }
}

const instead = (key: string, text: string, same: KeyFate['same'] = never): KeyFate => ({
  key,
  to: [],
  value: nothing,
  instead: text,
  same,
})

/** Read by something else of ours, or without any meaning here; told nowhere. */
const silent = (key: string, about: string): KeyFate => ({ key, to: [], value: nothing, same: never, about })

const isOff = (value: unknown): boolean => value === false
const isZero = (value: unknown): boolean => value === 0 || value === 0n || value === null
const isEmpty = (value: unknown): boolean => value === '' || (Array.isArray(value) && value.length === 0)

/** The number in `f01000`; 0 for what is no such address, which is told elsewhere. */
const minerOf = (actor: string): number => Number(/^[ft]0(\d+)$/.exec(actor)?.[1] ?? 0)

const filled = (text: string): string | undefined => (text === '' ? undefined : text)
const filledList = (texts: string[] | null): string[] | undefined => texts?.filter(text => text !== '')
const duration = (ms: number): string => formatGoDuration(ms)
const DAY_MS = 86_400_000

/** The token of the node counts for all; what has another one carries it in front of its address. */
const withToken = (url: string, token: string | undefined, all: SealerSettings): string | undefined =>
  url === '' || !token || token === all.Node?.Token ? filled(url) : `${token}:${url}`

const batchOnly = (on: boolean | undefined, size: number): number => (on ? size : 1)

const FEE = 'no limit of a whole message here: `GasFeeCap` of a sector-manager.cfg limits what a unit of gas costs'
const SLACK = 'no margin is needed here: a batch goes in time for its tickets, deals and expirations by itself'
const BASE_FEE = 'no threshold is needed here: `Aggregate = "auto"` reckons with the base fee'
const OF_MARKET = 'belongs to the market: set it there'

const UPGRADES_ELSEWHERE = 'stage workers make new sectors; upgrades are for a damocles-worker with the plan `snapup`'

const stage = (name: string, kind: string): KeyFate =>
  silent(`Storage.${name}`, `whether the sealer itself takes ${kind}`)

/** Every key that is known; each either acts or says what acts in its place. */
export const KEY_FATES: readonly KeyFate[] = [
  sets('Actor', [[...MINER, 'Actor']], minerOf),
  silent('DataDir', 'the home is named by `--repo` or VENUS_SEALER_PATH'),
  silent('API.ListenAddress', 'where `run` listens'),
  silent('API.RemoteListenAddress', 'shown by `info`: where workers on other machines reach the manager'),
  instead('API.Timeout', 'calls of the manager have limits of their own'),
  sets('Node.Url', [['Common', 'API', 'Chain']], filled),
  sets('Node.Token', [['Common', 'API', 'Token']], filled),
  sets('Messager.Url', [['Common', 'API', 'Messager']], (url: string, all) => withToken(url, all.Messager?.Token, all)),
  silent('Messager.Token', 'goes with `Messager.Url`'),
  sets(
    'MarketNode.Url',
    [['Common', 'API', 'Market']],
    (url: string, all) => withToken(url, all.MarketNode?.Token, all),
    '`Miners.Sector.EnableDeals` is true when there is one',
  ),
  silent('MarketNode.Token', 'goes with `MarketNode.Url`'),
  sets('RegisterProof.Urls', [['Common', 'API', 'Gateway']], (urls: string[] | null, all) =>
    filledList(urls)?.map(url => withToken(url, all.RegisterProof?.Token, all)),
  ),
  silent('RegisterProof.Token', 'goes with `RegisterProof.Urls`'),
  silent('RegisterMarket', 'the manager takes the events of the market or the gateway above'),
  sets('Addresses.PreCommitControl', [[...PRE, 'Senders']], filledList),
  sets(
    'Addresses.CommitControl',
    [
      [...PROVE, 'Senders'],
      [...SNAP_UP, 'Senders'],
    ],
    filledList,
  ),
  sets('Addresses.TerminateControl', [[...TERMINATE, 'Senders']], filledList),
  instead('Addresses.DealPublishControl', OF_MARKET, isEmpty),
  sets('Addresses.DisableOwnerFallback', [[...MINER, 'Fallback', 'Owner']], (off: boolean) => !off),
  sets('Addresses.DisableWorkerFallback', [[...MINER, 'Fallback', 'Worker']], (off: boolean) => !off),
  sets('Sealing.MaxSealingSectors', [[...MINER, 'Sector', 'MaxSealingSectors']]),
  instead('Sealing.MaxSealingSectorsForDeals', 'there is one limit for all sectors: `MaxSealingSectors`', isZero),
  instead('Sealing.MaxWaitDealsSectors', 'no sector waits for deals: it takes those that are there when it is begun'),
  instead('Sealing.WaitDealsDelay', 'no sector waits for deals: it takes those that are there when it is begun'),
  instead('Sealing.PreferNewSectorsForDeals', 'upgrades take deals by `[Miners.SnapUp]` of a sector-manager.cfg'),
  instead('Sealing.MaxUpgradingSectors', 'workers take as many upgrades as they have threads for', isZero),
  instead('Sealing.MakeNewSectorForDeals', 'sectors are made for `sectors pledge`; deals go into them', Boolean),
  sets('Sealing.CommittedCapacitySectorLifetime', [[...MINER, 'Sector', 'LifetimeDays']], (ms: number) =>
    Math.floor(ms / DAY_MS),
  ),
  instead('Sealing.AlwaysKeepUnsealedCopy', 'no unsealed copy is kept: `sectors unseal` reads a piece back', isOff),
  silent('Sealing.FinalizeEarly', 'files are in their store before a proof is sent, always'),
  silent('Sealing.BatchPreCommits', 'whether `MaxPreCommitBatch` counts'),
  sets('Sealing.MaxPreCommitBatch', [[...PRE, 'Batch', 'Threshold']], (size: number, { Sealing }) =>
    batchOnly(Sealing?.BatchPreCommits, size),
  ),
  sets('Sealing.PreCommitBatchWait', [[...PRE, 'Batch', 'MaxWait']], duration),
  instead('Sealing.PreCommitBatchSlack', SLACK),
  sets('Sealing.AggregateCommits', [[...PROVE, 'Aggregate']], (on: boolean) => (on ? 'auto' : 'never')),
  instead(
    'Sealing.MinCommitBatch',
    'an aggregate has at least 4 sectors, which the network demands',
    value => value === 4,
  ),
  sets('Sealing.MaxCommitBatch', [[...PROVE, 'Batch', 'Threshold']], (size: number, { Sealing }) =>
    batchOnly(Sealing?.AggregateCommits, size),
  ),
  sets('Sealing.CommitBatchWait', [[...PROVE, 'Batch', 'MaxWait']], duration),
  instead('Sealing.CommitBatchSlack', SLACK),
  instead('Sealing.AggregateAboveBaseFee', BASE_FEE),
  instead('Sealing.BatchPreCommitAboveBaseFee', BASE_FEE),
  sets('Sealing.TerminateBatchMax', [[...TERMINATE, 'Batch', 'Threshold']]),
  instead(
    'Sealing.TerminateBatchMin',
    'a batch goes after `TerminateBatchWait`, whatever its size',
    value => value === 1,
  ),
  sets('Sealing.TerminateBatchWait', [[...TERMINATE, 'Batch', 'MaxWait']], duration),
  sets(
    'Sealing.CollateralFromMinerBalance',
    [
      [...PRE, 'SendFund'],
      [...PROVE, 'SendFund'],
      [...SNAP_UP, 'SendFund'],
    ],
    (fromMiner: boolean) => !fromMiner,
  ),
  instead('Sealing.AvailableBalanceBuffer', 'no part of the balance is kept back', isZero),
  instead(
    'Sealing.DisableCollateralFallback',
    'with `CollateralFromMinerBalance` nothing is ever sent along; without it all is',
    isOff,
  ),
  silent('Storage.ParallelFetchLimit', 'most sectors that the sealer itself fetches at once'),
  stage('AllowAddPiece', 'tasks AP'),
  stage('AllowPreCommit1', 'tasks PC1'),
  stage('AllowPreCommit2', 'tasks PC2'),
  stage('AllowCommit', 'tasks C2'),
  stage('AllowUnseal', 'unseal tasks'),
  instead('Storage.AllowReplicaUpdate', UPGRADES_ELSEWHERE, isOff),
  instead('Storage.AllowProveReplicaUpdate2', UPGRADES_ELSEWHERE, isOff),
  instead(
    'Storage.AllowRegenSectorKey',
    'the key is made again by who unseals a piece of an upgraded sector (AllowUnseal)',
    isOff,
  ),
  instead(
    'Storage.ResourceFiltering',
    'memory, GPUs and cores are always reckoned with',
    value => isEmpty(value) || value === 'hardware',
  ),
  instead('Fees.MaxPreCommitGasFee', FEE),
  instead('Fees.MaxCommitGasFee', FEE),
  instead('Fees.MaxPreCommitBatchGasFee', FEE),
  instead('Fees.MaxCommitBatchGasFee', FEE),
  instead('Fees.MaxTerminateGasFee', FEE),
  instead('Fees.MaxWindowPoStGasFee', FEE),
  instead('Fees.MaxPublishDealsFee', OF_MARKET),
  instead('Fees.MaxMarketBalanceAddFee', OF_MARKET),
  sets('PieceStorage.Fs', [['Common', 'PieceStores']]),
  instead(
    'PieceStorage.S3',
    'set it as `[[Common.PieceStores]]` with `PluginName = "s3"` of a sector-manager.cfg',
    isEmpty,
  ),
  instead(
    'DB.Type',
    'state is kept in `manager.db` of the home; MySQL is `[Common.DB]` of a sector-manager.cfg',
    value => value === 'sqlite',
  ),
  silent('DB.Sqlite', 'the database of venus-sealer is not read, and left as it is'),
  silent('DB.MySql', 'the database of venus-sealer is not read, and left as it is'),
  instead('JWT.Secret', 'tokens of venus-sealer are void here: `auth create-token` makes new ones', isEmpty),
  silent('NetParams', 'the network is asked for its parameters'),
  instead('Dealmaking', OF_MARKET),
]

const places = (targets: readonly Target[]): string =>
  targets.map(path => `\`${path.filter(part => typeof part === 'string').join('.')}\``).join(', ')

/** For the documents: a table of all keys. */
export function fatesMarkdown(): string {
  const rows = KEY_FATES.map(({ key, to, about, instead: text }) => {
    const what = [
      ...(to.length > 0 ? [`sets ${places(to)}`] : []),
      ...(about === undefined ? [] : [about]),
      ...(text === undefined ? [] : [`warning: ${text}`]),
    ].join('; ')
    return `| \`${key}\` | ${what} |`
  })
  return ['| `config.toml` | Here |', '|---|---|', ...rows].join('\n')
}
