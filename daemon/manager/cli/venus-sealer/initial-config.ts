import { SEALER_PORT } from '../../config/venus-sealer/sealer-adapter.js'

export interface InitAnswers {
  readonly actor: number
  readonly node: { url: string; token: string }
  readonly messager: { url: string; token: string }
  readonly gateway: { urls: readonly string[]; token: string }
  readonly market: { url: string; token: string }
}

const text = (value: unknown): string => JSON.stringify(value)

/** The `config.toml` that `init` writes: what it was told, and the keys that operators change. */
export const initialConfigText = ({
  actor,
  node,
  messager,
  gateway,
  market,
}: InitAnswers): string => `Actor = "f0${actor}"

[API]
  # 0.0.0.0 instead of 127.0.0.1 lets workers on other machines in; RemoteListenAddress is where they reach this one.
  ListenAddress = "/ip4/127.0.0.1/tcp/${SEALER_PORT}/http"
  RemoteListenAddress = "127.0.0.1:${SEALER_PORT}"

[Node]
  Url = ${text(node.url)}
  Token = ${text(node.token)}

[Messager]
  Url = ${text(messager.url)}
  Token = ${text(messager.token)}

[RegisterProof]
  Urls = ${text(gateway.urls)}
  Token = ${text(gateway.token)}

[MarketNode]
  Url = ${text(market.url)}
  Token = ${text(market.token)}

[Sealing]
  # Upper bound on sectors being sealed at the same time; 0 is no limit.
  MaxSealingSectors = 0

[Storage]
  # What the sealer itself does of sealing; with all of them false it only proves windows and waits for the chain. Sectors are sealed by venus-worker.
  ParallelFetchLimit = 10
  AllowAddPiece = true
  AllowPreCommit1 = true
  AllowPreCommit2 = true
  AllowCommit = true
  AllowUnseal = true

[Addresses]
  # Who pays for messages; the one with the most funds does. Empty: the control addresses and the worker of the miner.
  PreCommitControl = []
  CommitControl = []
  TerminateControl = []
  # When none of them can: never the owner, never the worker.
  DisableOwnerFallback = false
  DisableWorkerFallback = false
`
