import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { ExtProverSettings } from '../../../../daemon/manager/config/ext-prover-settings.js'
import { METHODS } from '../../../../rpc-schema/actors/actor-methods.js'
import { Address } from '../../../../rpc-schema/wire/address.js'
import { eventually } from '../../../harness/eventually.js'
import { finishedSector } from '../finished-sector.js'
import { ManagerBench, MINER } from '../manager-bench.js'
import { believingVerifier } from './pretended-window-prover.js'
import { QUICK_MINER } from './quick-miner.js'

const CHILD = fileURLToPath(new URL('../../../../../test/fixtures/processors/window-child.mjs', import.meta.url))
const miner = Address.fromId(MINER)
const LIMIT_MS = 30_000

describe('the poster with an external prover', function () {
  this.timeout(60_000)
  const dir = mkdtempSync(join(tmpdir(), 'ext-prover-way-'))
  let bench: ManagerBench

  before(async () => {
    bench = await new ManagerBench({
      devnet: { challengeWindow: 60, deadlines: 4, startEpoch: 5_000, epochMs: 60 },
      windowProofs: ExtProverSettings.parse({
        WdPost: [
          {
            Bin: process.execPath,
            Args: [CHILD, 'one', 'first-die-then-pretend', join(dir, 'died')],
            ReadyTimeoutSecs: 300,
          },
        ],
      }),
      poster: { verifier: believingVerifier },
      minerConfig: QUICK_MINER,
    }).start()
  })
  after(async () => {
    await bench?.stop()
    rmSync(dir, { recursive: true, force: true })
  })

  it('S001-1 S003-70: its processes prove the windows, also after one has died over a proof', async () => {
    await finishedSector(bench)
    await finishedSector(bench)
    await eventually('two active sectors', LIMIT_MS, async () =>
      (await bench.chain.StateMinerSectorCount(miner, [])).Active === 2 ? true : undefined,
    )
    expect(existsSync(join(dir, 'died'))).to.equal(true)
    const messages = await bench.admin.Messages({ Miner: MINER, Method: METHODS.miner.SubmitWindowedPoSt })
    expect(messages.map(({ Receipt }) => Receipt?.ExitCode)).to.satisfy((codes: number[]) =>
      codes.every(code => code === 0),
    )
  })
})
