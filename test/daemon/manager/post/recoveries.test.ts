import { expect } from 'chai'
import { pino } from 'pino'
import { RecoveryDeclarations } from '../../../../daemon/manager/post/recoveries.js'
import { METHODS } from '../../../../rpc-schema/actors/actor-methods.js'
import { DeclareFaultsRecoveredParams } from '../../../../rpc-schema/actors/miner-post.js'
import type { MinerPoStConfig } from '../../../../rpc-schema/manager/miner-config.js'
import { Address } from '../../../../rpc-schema/wire/address.js'
import { Bitfield } from '../../../../rpc-schema/wire/bitfield.js'
import { commRToCid } from '../../../../rpc-schema/wire/cid.js'
import { newDeadlineInfo } from '../../../../rpc-schema/wire/deadline.js'
import { FakeClock } from '../../worker/support/fake-clock.js'
import { stubNode } from '../commitment/stub-chain.js'
import { postSettings } from './post-simulation.js'

const MINER = 1000
const COMM_R = commRToCid(new Uint8Array(32).fill(7))
/** Deadline 3 of a period that begins at 2880, at its opening. */
const PRESENT = newDeadlineInfo(2_880, 3, 3_060)

interface Sent {
  readonly method: number
  /** `partition: sectors` of each entry. */
  readonly entries: readonly string[]
}

describe('recoveries that are declared', () => {
  let faulty: number[][]
  let bad: Set<number>
  let settings: MinerPoStConfig
  /** Of the head right before something is sent. */
  let height: number
  let sent: Sent[]
  let log: string[]

  beforeEach(() => {
    faulty = [[1, 2, 3], [11], [21, 22]]
    bad = new Set()
    settings = postSettings()
    height = PRESENT.Open
    sent = []
    log = []
  })

  const head = (at: number) => ({ Cids: [], Blocks: [], Height: at })

  async function look(): Promise<void> {
    const node = stubNode({
      StateMinerPartitions: async () =>
        faulty.map(numbers => ({ FaultySectors: Bitfield.of(numbers), RecoveringSectors: Bitfield.EMPTY })) as never,
      StateMinerSectors: async (_, numbers) =>
        numbers!
          .toArray()
          .map(SectorNumber => ({ SectorNumber, SealProof: 5, SealedCID: COMM_R, SectorKeyCID: null })) as never,
      StateMinerProvingDeadline: async () => PRESENT,
    })
    const declarations = new RecoveryDeclarations({
      node,
      heads: { fresh: async () => head(height), epochMs: () => 30_000 },
      facts: { info: async () => ({ WindowPoStProofType: 10 }) },
      provable: {
        examine: async () => ({ bad: new Map([...bad].map(number => [number, 'gone'])), unknown: new Map() }),
      },
      sending: {
        messages: { inFlightSectors: async () => [] },
        senders: { choose: async () => Address.fromId(1) },
        desk: {
          send: async ({ method, params }: { method: number; params: Uint8Array }) => {
            const { Recoveries } = DeclareFaultsRecoveredParams.decode(params)
            const entries = Recoveries.map(({ Partition, Sectors }) => `${Partition}: ${Sectors.toArray().join(' ')}`)
            sent.push({ method, entries })
            return { result: 'pushed', cid: 'a-cid' }
          },
        },
      },
      settings: () => settings,
      clock: new FakeClock(),
      log: pino({ level: 'info' }, { write: line => void log.push(JSON.parse(line).msg) }),
    } as never)
    declarations.onHead(MINER, PRESENT, head(PRESENT.Open))
    await declarations.idle()
  }
  const declared = () => sent.map(({ entries }) => entries)

  it('S003-76 S003-77: all that can be proven, in one message, which the log tells with the known words', async () => {
    bad.add(2)
    await look()
    expect(sent).to.deep.equal([
      { method: METHODS.miner.DeclareFaultsRecovered, entries: ['0: 1 3', '1: 11', '2: 21 22'] },
    ])
    expect(log).to.include('declare faults recovered message published').and.to.include('Checked sectors')
  })

  it('S003-44: MaxRecoverSectorLimit is the most sectors that are declared, the lowest numbers first; 0 is no limit', async () => {
    settings = postSettings({ MaxRecoverSectorLimit: 2 })
    await look()
    expect(declared()).to.deep.equal([['0: 1 2']])
    expect(log.some(line => line.includes('only adding 2 sectors to respect RecoveringSectorLimit 2'))).to.equal(true)
    expect(postSettings().MaxRecoverSectorLimit).to.equal(0)
  })

  it('S003-36: MaxPartitionsPerRecoveryMessage divides them into messages', async () => {
    settings = postSettings({ MaxPartitionsPerRecoveryMessage: 2 })
    await look()
    expect(declared()).to.deep.equal([['0: 1 2 3', '1: 11'], ['2: 21 22']])
  })

  it('fault 39: one that would come after the cutoff is refused with the reason, and nothing is sent', async () => {
    // Looking at the sectors has taken until here; the target is deadline 5, its cutoff 70 epochs before it opens.
    height = PRESENT.Open + 50
    await look()
    expect(sent).to.deep.equal([])
    expect(log.at(-1)).to.match(
      /too late to declare recoveries for deadline 5: its cutoff is epoch 3110, the head is at/,
    )
  })
})
