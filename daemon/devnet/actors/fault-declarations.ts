import {
  DeclareFaultsParams,
  DeclareFaultsRecoveredParams,
  type SectorsOfPartition,
} from '../../../rpc-schema/actors/miner-post.js'
import type { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import { faultCutoffPassed, lastEpoch } from '../../../rpc-schema/wire/deadline.js'
import { POLICY } from '../chain/policy.js'
import { miners, type PartitionRecord } from '../state/records.js'
import { decodeParams, illegalArgument } from '../vm/abort.js'
import type { Call, Machine } from '../vm/machine.js'
import { addressedPartitions, loadPartition } from './addressed-partitions.js'
import { withFaults, withRecoveries } from './partition.js'
import { checkCaller } from './precommit.js'
import { nextWindow } from './proving-period.js'
import { putPartition } from './proving-set.js'

const NOTHING = new Uint8Array()

/** Method 10: sectors that cannot be proven in their next window. */
export function declareFaults(machine: Machine, call: Call): Uint8Array {
  const { Faults } = decodeParams(DeclareFaultsParams, call.params)
  declare(machine, call, 'fault', Faults, withFaults)
  return NOTHING
}

/** Method 11: faulty sectors that will be proven in their next window. */
export function declareFaultsRecovered(machine: Machine, call: Call): Uint8Array {
  const { Recoveries } = decodeParams(DeclareFaultsRecoveredParams, call.params)
  declare(machine, call, 'recovery', Recoveries, withRecoveries)
  return NOTHING
}

function declare(
  machine: Machine,
  call: Call,
  what: 'fault' | 'recovery',
  declarations: readonly SectorsOfPartition[],
  change: (partition: PartitionRecord, sectors: Bitfield, faultsEnd: number) => PartitionRecord,
): void {
  const { draft, to, from } = call
  const { epoch, deadlines } = machine
  const addressed = addressedPartitions(machine, declarations)
  const miner = miners.get(draft, to)!
  checkCaller(miner, from)
  for (const { deadline, index, sectors } of addressed) {
    const window = nextWindow(miner, deadline, epoch, deadlines)
    if (faultCutoffPassed(window)) {
      throw illegalArgument(
        `late fault or recovery declaration for deadline ${deadline} at epoch ${epoch}, cutoff was ${window.FaultCutoff}`,
      )
    }
    const partition = loadPartition(call, deadline, index)
    if (!sectors.subtract(partition.sectors).isEmpty) {
      throw illegalArgument(
        `failed ${what} declaration: not all sectors are assigned to partition ${index} of deadline ${deadline}`,
      )
    }
    const faultsEnd = lastEpoch(window) + POLICY.faultMaxPeriods * deadlines.WPoStProvingPeriod
    putPartition(draft, to, deadline, index, change(partition, sectors, faultsEnd))
  }
}
