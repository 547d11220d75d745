import { TerminateSectorsParams, TerminateSectorsReturn } from '../../../rpc-schema/actors/miner-sectors.js'
import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import { miners } from '../state/records.js'
import { decodeParams, illegalArgument } from '../vm/abort.js'
import type { Call, Machine } from '../vm/machine.js'
import { addressedPartitions, loadPartition } from './addressed-partitions.js'
import { endSectors } from './end-of-sectors.js'
import { liveSectors, withTerminated } from './partition.js'
import { checkCaller } from './precommit.js'
import { isMutable } from './proving-period.js'
import { putPartition } from './proving-set.js'

/** Method 9: ends sectors before their time. All of them or none, and all at once: what a message may address is never too much for it. */
export function terminateSectors(machine: Machine, call: Call): Uint8Array {
  const { Terminations } = decodeParams(TerminateSectorsParams, call.params)
  const { draft, to, from } = call
  const { epoch, deadlines } = machine
  const addressed = addressedPartitions(machine, Terminations)
  const miner = miners.get(draft, to)!
  checkCaller(miner, from)
  for (const { deadline, index, sectors } of addressed) {
    if (!isMutable(miner, deadline, epoch, deadlines)) {
      throw illegalArgument(`cannot terminate sectors in immutable deadline ${deadline}`)
    }
    const partition = loadPartition(call, deadline, index)
    const others = sectors.subtract(liveSectors(partition))
    if (!others.isEmpty) {
      throw illegalArgument(`can only terminate live sectors, not ${others.toArray().slice(0, 10).join(', ')}`)
    }
    putPartition(draft, to, deadline, index, withTerminated(partition, sectors))
    endSectors(draft, to, { onTime: Bitfield.EMPTY, early: sectors, epoch })
  }
  return TerminateSectorsReturn.encode({ Done: true })
}
