import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { Address } from '../../../../rpc-schema/wire/address.js'
import type { SectorID } from '../../../../rpc-schema/wire/sector-id.js'
import { eventually } from '../../../harness/eventually.js'
import { onEachDatabase, type TestDatabase } from '../../../harness/on-each-database.js'
import { type Outcome, runManagerCli } from '../../../harness/run-manager-cli.js'
import { pretendedWindowProof, WindowPoster } from '../../../harness/window-poster.js'
import { finishedSector } from '../finished-sector.js'
import { goodProof, ManagerBench, MINER } from '../manager-bench.js'

const MINER_ADDRESS = Address.fromId(MINER)
const DAY = 2_880
const LIMIT_MS = 60_000
const CONFIG = `[Miners.Commitment]
Confidence = 2
[Miners.Commitment.Pre.Batch]
Threshold = 1
[Miners.Commitment.Prove.Batch]
Threshold = 1
[Miners.Commitment.Terminate.Batch]
Threshold = 1
CheckInterval = "1s"
`

onEachDatabase('manager: commands about the life of sectors', database => theLife(database, false))
onEachDatabase('manager: commands about the life of sectors, by the messager', database => theLife(database, true))

function theLife(database: TestDatabase, messager: boolean): void {
  let bench: ManagerBench
  let poster: WindowPoster
  let dir: string
  let first: SectorID
  let second: SectorID

  before(async function () {
    this.timeout(120_000)
    dir = mkdtempSync(join(tmpdir(), 'sector-life-'))
    bench = await new ManagerBench({
      database: await database.fresh(),
      minerConfig: CONFIG,
      // Windows that a busy machine does not miss.
      devnet: { challengeWindow: 60, deadlines: 8 },
      messager,
    }).start()
    poster = new WindowPoster({ node: bench.chain, miner: MINER_ADDRESS, prove: pretendedWindowProof })
    poster.start()
    first = (await finishedSector(bench)).ID
    second = (await finishedSector(bench)).ID
    await eventually('two active sectors', LIMIT_MS, async () =>
      (await bench.chain.StateMinerActiveSectors(MINER_ADDRESS, [])).length === 2 ? true : undefined,
    )
  })
  after(async () => {
    await poster?.stop()
    await bench?.stop()
    if (dir) rmSync(dir, { recursive: true, force: true })
  })

  const sectors = (...args: string[]): Promise<Outcome> =>
    runManagerCli('util', '--listen', bench.manager.address, 'sealer', 'sectors', ...args)
  const onChain = async ({ Number: number }: SectorID) => bench.chain.StateSectorGetInfo(MINER_ADDRESS, number, [])

  it('check-expire shows what expires, and how far it could be extended', async () => {
    const { code, stdout } = await sectors('check-expire', '--cutoff', String(600 * DAY))
    expect(code).to.equal(0)
    const [title, header, row] = stdout.split('\n')
    expect(title).to.equal('Sectors(2):')
    expect(header).to.match(/ID +SealProof +InitialPledge +Activation +Expiration +MaxExpiration +MaxExtendNow/)
    expect(row).to.match(/^1 +5 +[\d.]+ FIL +\d+ \(.* ago\) +\d+ \(in [^)]*\)/)
    const { stdout: json } = await sectors('check-expire', '--cutoff', '10', '--json')
    expect(JSON.parse(json)).to.deep.include({ Miner: MINER, Sectors: [] })
  })

  it('extend shows what it would send, and extends when it is told to', async () => {
    const before = (await onChain(first))!.Expiration
    const by = ['--extension', String(100 * DAY)]
    const plan = await sectors('extend', String(first.Number), '999', ...by)
    expect(plan.code).to.equal(0)
    expect(plan.stdout).to.match(/^\{\n\t"Extensions": \[\n\t\t\{\n\t\t\t"Deadline": \d+,\n\t\t\t"Partition": 0,/)
    expect(plan.stdout).to.match(
      new RegExp(`"Sectors": "${first.Number}",\\n\\t\\t\\t"NewExpiration": ${before + 100 * DAY}`),
    )
    expect(plan.stdout).to.match(/sector 999 left out: it is not active/)
    expect(plan.stdout).to.match(/1 sectors in 1 messages: pass --really-do-it to extend them\n$/)
    expect((await onChain(first))!.Expiration).to.equal(before)

    const file = join(dir, 'sectors')
    writeFileSync(file, `${first.Number}\n`)
    const done = await sectors('extend', '--sector-file', file, ...by, '--max-fee', '1', '--really-do-it')
    expect(done.stderr).to.equal('')
    expect(done.stdout).to.match(/^Extending 1 sectors: \nba\w+\n1 sectors extended\n$/)
    await eventually('the extension', LIMIT_MS, async () =>
      (await onChain(first))!.Expiration === before + 100 * DAY ? true : undefined,
    )
    const none = await sectors('extend', '--only-cc', '--really-do-it')
    expect(none.stdout, 'nothing expires within 32 days').to.equal('nothing to extend\n')
    writeFileSync(file, 'one\n')
    expect((await sectors('extend', '--sector-file', file)).stderr).to.match(
      /sectors:1: expected a sector number, found 'one'/,
    )
  })

  it('terminate shows what it costs, and ends the sector when it is told to', async () => {
    const preview = await sectors('terminate', '--actor', 't01000', String(second.Number))
    expect(preview.stdout).to.match(/^Sector: s-t01000-\d+ \(deadline \d, partition 0\)/)
    expect(preview.stdout).to.match(/Fee: [\d.]+ FIL at least/)
    expect(preview.stdout).to.match(/pass --really-do-it to terminate the sector\n$/)
    const terminate = ['terminate', '--actor', '1000', '--really-do-it', String(second.Number)]
    expect(await sectors(...terminate)).to.deep.include({ code: 0, stdout: 'terminate accepted\n' })
    const again = await sectors(...terminate)
    expect(again.code).to.equal(1)
    expect(again.stderr).to.match(/terminate failed: duplicate submit|already terminated/)
    const ended = await eventually('the end', LIMIT_MS, async () => {
      const { stdout } = await sectors('terminate', '--actor', '1000', 'query', String(second.Number))
      return /^msg: ba\w+, height: [1-9]/.test(stdout) ? stdout : undefined
    })
    expect(ended).to.match(/^msg: ba\w+, height: \d+, added height: \d+\n$/)
    const { Live } = await bench.chain.StateMinerSectorCount(MINER_ADDRESS, [])
    expect(Live).to.equal(1)
    expect((await bench.admin.Messages({ Miner: MINER, Method: 9 })).length, 'one message').to.equal(1)
    expect((await sectors(...terminate)).stderr).to.match(/already terminated/)
    expect((await sectors('terminate', String(second.Number))).stderr).to.match(/--actor: expected the miner/)
  })

  it('expired shows sectors whose files nobody needs, and removes them in two steps', async function () {
    this.timeout(120_000)
    expect((await sectors('expired')).stdout, 'it was alive lately').to.equal('no expired sectors\n')
    const { Height } = await bench.chain.ChainHead()
    const args = ['expired', '--expired-epoch', String(Height)]
    const listed = await sectors(...args, '--remove-expired')
    expect(listed.stdout).to.match(
      new RegExp(`^s-t01000-${second.Number}\n\nto remove the files of these 1 sectors, say`),
    )
    expect(listed.stdout).to.match(/--confirm-remove-count 1\n$/)
    expect(JSON.parse((await sectors(...args, '--json')).stdout).Sectors).to.deep.equal([
      { Number: second.Number, Removed: false },
    ])
  })

  it('resend-pre and resend-prove hand in again what the chain does not have', async () => {
    const { sector, sid, pre } = await bench.sealed()
    const at = [String(MINER), String(sid.Number)]
    expect((await sectors('resend-pre', ...at)).stderr).to.match(/cannot be submitted again: it has no pre-commit yet/)
    await bench.api.SubmitPreCommit(sector, pre, false)
    await bench.preCommitState(sid, 3)
    expect(await sectors('resend-pre', ...at)).to.deep.include({ code: 0, stdout: 'accepted\n' })
    expect((await sectors('resend-prove', ...at)).stderr).to.match(/it has no proof yet/)
    await bench.seed(sid, 5)
    await bench.api.SubmitProof(sid, { Proof: goodProof(3) }, false)
    await bench.proofState(sid, 3)
    expect(await sectors('resend-prove', ...at)).to.deep.include({ code: 0, stdout: 'accepted\n' })
    expect(await bench.landed(28, sid), 'nothing is sent twice').to.equal(1)
    expect(await bench.landed(34, sid)).to.equal(1)
  })
}
