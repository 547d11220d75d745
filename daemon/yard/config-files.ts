import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { YardHome, YardPorts } from './home.js'

/** The one storage provider of a yard's chain. */
export const YARD_MINER = 1000

/** Name under which manager and worker know the store that sealed sectors end in. */
export const PERSIST_STORE = 'persist'

/** The two sealing threads: one makes a sector without data, the other waits for deals. */
export const THREADS = { committedCapacity: 'store-cc', deals: 'store-deals' } as const

/** Writes what is not there yet: an operator's changes to these files stay. */
export function writeConfigFiles(home: YardHome, ports: YardPorts): void {
  write(join(home.manager, 'sector-manager.cfg'), managerConfig(home, ports))
  write(home.workerConfig, workerConfig(home, ports))
}

/** Makes the thread of the first sector look only for deals from its next task on, so that a yard at rest burns no power. */
export function stopCommittedCapacity(home: YardHome): void {
  write(
    join(home.store(THREADS.committedCapacity), 'config.toml'),
    '# Read before each new task: this thread has made its sector without data and now waits for deals.\nsealing.enable_deals = true\nsealing.disable_cc = true\n',
  )
}

function write(file: string, text: string): void {
  if (!existsSync(file)) writeFileSync(file, text)
}

function managerConfig(home: YardHome, ports: YardPorts): string {
  return `# The manager of this yard. \`damocles-manager daemon init\` writes a file with every key explained.
[Common]
[Common.API]
Chain = "/ip4/127.0.0.1/tcp/${ports.devnet}/ws"
Market = "/ip4/127.0.0.1/tcp/${ports.devnet}/http"

[[Common.PersistStores]]
Name = "${PERSIST_STORE}"
Path = ${JSON.stringify(home.persistStore)}

[[Miners]]
Actor = ${YARD_MINER}
[Miners.Sector]
Enabled = true
EnableDeals = true
[Miners.Commitment]
Confidence = 3
[Miners.Commitment.Pre.Batch]
Threshold = 1
[Miners.Commitment.Prove.Batch]
Threshold = 1
`
}

function workerConfig(home: YardHome, ports: YardPorts): string {
  return `# The worker of this yard: two sealing threads, processors inside the worker's own process.
[worker]
name = "yard"
rpc_server.host = "127.0.0.1"
rpc_server.port = ${ports.worker}

[sector_manager]
rpc_client.addr = "/ip4/127.0.0.1/tcp/${ports.manager}"

[sealing]
allowed_sizes = ["2KiB"]
enable_deals = true
max_retries = 3
seal_interval = "1s"
recover_interval = "1s"
rpc_polling_interval = "1s"

[[sealing_thread]]
location = ${JSON.stringify(home.store(THREADS.committedCapacity))}
sealing.enable_deals = false

[[sealing_thread]]
location = ${JSON.stringify(home.store(THREADS.deals))}
sealing.disable_cc = true

[[attached]]
name = "${PERSIST_STORE}"
location = ${JSON.stringify(home.persistStore)}

[processors.limitation.concurrent]
# A C2 of a 2 KiB sector takes 2.8 GiB of memory and every core it gets.
c2 = 1
`
}
