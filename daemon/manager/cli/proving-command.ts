import { Command } from 'commander'
import { METHODS } from '../../../rpc-schema/actors/actor-methods.js'
import { DeclareFaultsRecoveredParams } from '../../../rpc-schema/actors/miner-post.js'
import { CompactPartitionsParams } from '../../../rpc-schema/actors/miner-sectors.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import {
  type DeadlineInfo,
  faultCutoffPassed,
  newDeadlineInfo,
  nextNotElapsed,
} from '../../../rpc-schema/wire/deadline.js'
import { tableText } from '../../kit/terminal/table.js'
import type { ChainApi } from '../chain/chain-node.js'
import { addressArgument, minerArgument, numberArgument } from './arguments.js'
import { addProvingChecks } from './proving-checks.js'
import { deadlineRows, deadlineText, infoFigures, infoText, type ProvingView } from './proving-text.js'
import type { Reach } from './reach.js'
import { awaitSuccess, REALLY_DO_IT, sendShown, showMessage } from './send-message.js'
import { say, sayJson } from './talk.js'
import { winningVanillaCommand } from './winning-vanilla-command.js'

const EXID =
  'external identifier of the message, ensure that we could make the message unique, or we could catch up with a previous message'

/** `util sealer proving`: what the chain says of a miner's proofs. `usual`: the miner when none is named. */
export function provingCommand(reach: Reach, usual?: () => number): Command {
  const proving = new Command('proving')
    .description('View proving information')
    .option('--miner <miner>', 'the miner', minerArgument)
  const miner = (): number => {
    const given = proving.opts<{ miner?: number }>().miner
    if (given === undefined && usual !== undefined) return usual()
    if (given === undefined) throw new Error('--miner: expected the miner, as in --miner t01000')
    return given
  }

  proving
    .command('info')
    .description('View current state information')
    .option('--json', 'as JSON', false)
    .action((options: { json: boolean }) =>
      reach.chain(async chain => {
        const view = await provingView(chain, miner())
        say(
          options.json
            ? JSON.stringify({ Miner: view.miner, ...view.current, ...infoFigures(view) }, null, 2)
            : infoText(view),
        )
      }),
    )

  proving
    .command('faults')
    .description('View the currently known proving faulty sectors information')
    .option('--json', 'as JSON', false)
    .action((options: { json: boolean }) => faults(reach, miner(), options.json))

  proving
    .command('deadlines')
    .description('View the current proving period deadlines information')
    .option('-a, --all', 'Count all sectors (only live sectors are counted by default)', false)
    .option('--json', 'as JSON', false)
    .action((options: { all: boolean; json: boolean }) =>
      reach.chain(async chain => {
        const view = await provingView(chain, miner())
        const rows = deadlineRows(view, options.all)
        if (options.json) return sayJson(rows)
        const header = ['deadline', 'open', 'partitions', 'sectors (faults)', 'proven partitions']
        const cells = rows.map(row => [
          String(row.Deadline),
          row.Open,
          String(row.Partitions),
          `${row.Sectors} (${row.Faults})`,
          // The mark stands right behind the number.
          `${row.ProvenPartitions}${row.Current ? '  (current)' : ''}`,
        ])
        say(`Sealer: ${view.miner}\n${tableText(header, cells)}`)
      }),
    )

  proving
    .command('deadline')
    .description('View the current proving period deadline information by its index')
    .argument('<deadlineIdx>', 'the deadline', numberArgument)
    .option('-n, --sector-nums', 'Print sector/fault numbers belonging to this deadline', false)
    .option('-b, --bitfield', 'Print partition bitfield stats', false)
    .option('--json', 'as JSON', false)
    .action((index: number, options: { sectorNums: boolean; bitfield: boolean; json: boolean }) =>
      reach.chain(async chain => {
        const view = await provingView(chain, miner())
        const found = view.deadlines[index]
        if (found === undefined) throw outOfRange(index, view.deadlines.length)
        if (!options.json) return say(deadlineText(view, index, options))
        sayJson({
          ...deadlineRows(view, true)[index],
          Parts: found.partitions.map(partition =>
            Object.fromEntries(Object.entries(partition).map(([name, set]) => [name, set.toArray()])),
          ),
        })
      }),
    )

  addProvingChecks(proving, reach, miner)
  proving.addCommand(winningVanillaCommand(reach))

  proving
    .command('compact-partitions')
    .description('Removes dead sectors from partitions and reduces the number of partitions used if possible')
    .requiredOption('--deadline <index>', 'the deadline to compact the partitions in', numberArgument)
    .requiredOption('--partitions <index...>', 'list of partitions to compact sectors in')
    .option('--really-do-it', 'Actually send transaction performing the action', false)
    .option('--exid <id>', EXID)
    .action((options: { deadline: number; partitions: string[]; reallyDoIt: boolean; exid?: string }) =>
      reach.chain(async chain => {
        const to = Address.fromId(miner())
        await checkDeadline(chain, to, options.deadline)
        const partitions = Bitfield.of(options.partitions.flatMap(text => text.split(',')).map(numberArgument))
        const { Worker: from } = await chain.StateMinerInfo(to, [])
        await reach.manager(async (_, sealyard) => {
          const params = CompactPartitionsParams.encode({
            Deadline: options.deadline,
            Partitions: partitions,
          })
          const method = METHODS.miner.CompactPartitions
          const { exid } = options
          const repeat = exid === undefined
          const shown = await showMessage(sealyard, { from, to, miner: miner(), method, params, exid, repeat })
          if (!options.reallyDoIt) return say(REALLY_DO_IT)
          const { Uid } = await sendShown(sealyard, shown, id => `Message ID: ${id}`)
          await awaitSuccess(sealyard, Uid, 'the partitions were not compacted')
          say(`compacted ${partitions.count} partitions`)
        })
      }),
    )

  proving
    .command('recover-faults')
    .description('Recover faults manually')
    .requiredOption('--deadline <index>', 'fast path to declare fault with a whole deadline', numberArgument)
    .option(
      '--from <address>',
      "Specify the address of the address to send message, default miner's worker",
      addressArgument,
    )
    .option('--exid <id>', EXID)
    .option('--dry-run', 'show the message and what it costs, send nothing', false)
    .action((options: { deadline: number; from?: Address; exid?: string; dryRun: boolean }) =>
      recoverFaults(reach, miner(), options),
    )

  return proving
}

async function provingView(chain: ChainApi, id: number): Promise<ProvingView> {
  const miner = Address.fromId(id)
  const head = await chain.ChainHead()
  const [{ BlockDelaySecs: blockDelaySecs }, current, deadlines] = await Promise.all([
    chain.StateGetNetworkParams(),
    chain.StateMinerProvingDeadline(miner, head.Cids),
    chain.StateMinerDeadlines(miner, head.Cids),
  ])
  const partitions = await Promise.all(deadlines.map((_, at) => chain.StateMinerPartitions(miner, at, head.Cids)))
  return {
    miner: miner.toString(),
    head,
    blockDelaySecs,
    current,
    deadlines: deadlines.map((deadline, at) => ({ deadline, partitions: partitions[at]! })),
  }
}

function faults(reach: Reach, id: number, json: boolean): Promise<void> {
  return reach.chain(async chain => {
    const { miner, head, deadlines, blockDelaySecs } = await provingView(chain, id)
    const rows = []
    for (const [deadline, { partitions }] of deadlines.entries()) {
      for (const [partition, { FaultySectors }] of partitions.entries()) {
        for (const sector of FaultySectors) {
          const { Early, OnTime } = await chain.StateSectorExpiration(Address.fromId(id), sector, head.Cids)
          // A fault that was not there long enough to shorten the sector's life ends with it.
          const days = (((Early || OnTime) - head.Height) * blockDelaySecs) / 86_400
          rows.push({ Deadline: deadline, Partition: partition, Sector: sector, ExpirationDays: days })
        }
      }
    }
    if (json) return sayJson(rows)
    const header = ['deadline', 'partition', 'sectors', 'expiration(days)']
    const cells = rows.map(row => [
      `  ${row.Deadline}`,
      String(row.Partition),
      String(row.Sector),
      String(row.ExpirationDays),
    ])
    say(`Miner: ${miner}\n${tableText(header, cells)}`)
  })
}

async function checkDeadline(chain: ChainApi, miner: Address, index: number): Promise<void> {
  const count = (await chain.StateMinerDeadlines(miner, [])).length
  if (index >= count) throw outOfRange(index, count)
}

const outOfRange = (index: number, count: number): Error =>
  new Error(`deadline ${index} out of range: there are ${count}, from 0 on`)

/** Such a declaration fails on the chain: it would cost gas for nothing. */
function refuseAfterCutoff(present: DeadlineInfo, index: number): void {
  const { CurrentEpoch, PeriodStart } = present
  const target = nextNotElapsed(newDeadlineInfo(PeriodStart, index, CurrentEpoch, present))
  if (!faultCutoffPassed({ ...target, CurrentEpoch: CurrentEpoch + 1 })) return
  throw new Error(
    `too late to declare recoveries for deadline ${index}: its cutoff is epoch ${target.FaultCutoff}, the head is at ${CurrentEpoch}; they can be declared again when it has closed, from epoch ${target.Close} on`,
  )
}

function recoverFaults(
  reach: Reach,
  id: number,
  options: { deadline: number; from?: Address; exid?: string; dryRun: boolean },
): Promise<void> {
  return reach.chain(async chain => {
    const to = Address.fromId(id)
    await checkDeadline(chain, to, options.deadline)
    const partitions = await chain.StateMinerPartitions(to, options.deadline, [])
    const present = await chain.StateMinerProvingDeadline(to, [])
    const Recoveries = partitions.flatMap(({ FaultySectors, RecoveringSectors }, Partition) => {
      const Sectors = FaultySectors.subtract(RecoveringSectors)
      return Sectors.isEmpty ? [] : [{ Deadline: options.deadline, Partition, Sectors }]
    })
    if (Recoveries.length === 0)
      return say(`no faulty sectors in deadline ${options.deadline} that are not declared as recovering already`)
    refuseAfterCutoff(present, options.deadline)
    const from = options.from ?? (await chain.StateMinerInfo(to, [])).Worker
    await reach.manager(async (_, sealyard) => {
      const params = DeclareFaultsRecoveredParams.encode({ Recoveries })
      const method = METHODS.miner.DeclareFaultsRecovered
      const { exid } = options
      // The same sectors can become faulty again.
      const repeat = exid === undefined
      const shown = await showMessage(sealyard, { from, to, miner: id, method, params, exid, repeat })
      if (options.dryRun) return
      const { Uid } = await sendShown(sealyard, shown, sent => `Message ID: ${sent}`)
      await awaitSuccess(sealyard, Uid, 'the recoveries were not declared')
      const count = Recoveries.reduce((sum, { Sectors }) => sum + Sectors.count, 0)
      say(`${count} sectors declared as recovering`)
    })
  })
}
