import { z } from 'zod'
import { orNull } from '../../../rpc-schema/rpc/zero-value.js'
import { ActorId, ChainEpoch, SectorNumber } from '../../../rpc-schema/wire/numbers.js'
import { Duration } from '../../kit/config/duration.js'
import { AGGREGATE_MODES } from '../commitment/aggregation/aggregate-policy.js'
import { key, section } from './notes.js'
import { AddressListSetting, AddressSetting, FilSetting } from './values.js'

const bool = (value: boolean) => z.boolean().default(value)
const count = (value: number) => z.int().nonnegative().default(value)
const duration = (text: string) => Duration.prefault(text)

const fees = {
  GasOverEstimation: key(
    z.number().nonnegative().default(1.2),
    'Factor on the gas that a message is estimated to use.',
  ),
  GasOverPremium: key(
    z.number().nonnegative().default(0),
    'Factor on the estimated premium; 0 is the estimate itself.',
  ),
  GasFeeCap: key(
    FilSetting.prefault('5 nanoFIL'),
    'The most a message pays for a unit of gas; "0" is what the node estimates.',
  ),
  /** Old name of GasFeeCap, used when that is not set. */
  MaxFeeCap: FilSetting.prefault(''),
}

const senders = {
  /** Old form of Senders; both count. */
  Sender: AddressSetting,
  Senders: key(
    AddressListSetting,
    'Addresses that may send; the one with the most funds does. Default: the control addresses and the worker of the miner.',
    ['f01001'],
  ),
}

const batch = (threshold: number) =>
  section({
    Threshold: key(
      count(threshold),
      'Sectors are sent together once there are so many of them; 0 and 1 send each at once.',
    ),
    MaxWait: key(duration('1h0m0s'), 'A sector that has waited so long is sent with those that are there.'),
    CheckInterval: key(duration('1m0s'), 'How often the waiting sectors are looked through.'),
    ...fees,
    Enabled: z.boolean().optional(),
    BatchCommitAboveBaseFee: z.unknown().optional(),
  })

const message = <const More extends z.core.$ZodLooseShape>(threshold: number, more: More) =>
  section({
    ...senders,
    SendFund: key(bool(true), 'Send the deposit or pledge along; false takes it from the balance of the miner.'),
    ...fees,
    ...more,
    Batch: batch(threshold),
  })

const aggregation = {
  Aggregate: key(
    z.enum(AGGREGATE_MODES).default('auto'),
    'One proof for a whole batch of at least 4 sectors: "auto" where that costs less at the present base fee, "always", or "never".',
  ),
}

/** One storage provider: `[[Miners]]`. */
export const MinerSettings = z.object({
  Actor: key(ActorId.optional(), 'The number of the miner actor: 1000 of f01000.', 1000),
  Sector: section({
    InitNumber: SectorNumber.default(0),
    MinNumber: key(
      orNull(SectorNumber),
      'New sectors get numbers above this one. May be raised while the manager runs.',
      10,
    ),
    MaxNumber: key(orNull(SectorNumber), 'The last number that may be given.', 1_000_000),
    Enabled: key(bool(true), 'Allocate sectors of this miner.'),
    MaxSealingSectors: key(
      count(0),
      'No new sector is given out while so many of this miner are being sealed; 0 is no limit.',
    ),
    PledgeOnly: key(
      bool(false),
      'Only give out sectors that were asked for with `util sealer sectors pledge`, each once.',
    ),
    EnableDeals: key(bool(false), 'Ask the market for deals.'),
    LifetimeDays: key(count(540), 'Lifetime of a sector without deals; 0 is the longest the network allows.'),
    Verbose: key(bool(false), 'Log more.'),
  }),
  Fallback: section({
    Worker: key(bool(false), 'The worker pays for a message when none of the Senders that are set can.'),
    Owner: key(bool(false), 'The owner pays for a message when nobody else can.'),
  }),
  SnapUp: section({
    Enabled: key(bool(false), 'Put deals into sectors that have none.'),
    ...senders,
    SendFund: key(bool(true), 'Send the additional pledge along.'),
    ...fees,
    CleanupCCData: key(bool(true), 'Delete the files from before the upgrade once it is final.'),
    AutoPrefetch: key(
      bool(false),
      'Look through each deadline for candidates when it has closed. Otherwise only `util sealer snap fetch` does.',
    ),
    MessageConfidential: orNull(ChainEpoch),
    ReleaseCondidential: orNull(ChainEpoch),
    MessageConfidence: key(z.int().default(15), 'Epochs after which a message counts as landed.'),
    ReleaseConfidence: key(z.int().default(30), 'Epochs after finality before old files are deleted.'),
    Retry: section({
      MaxAttempts: key(orNull(SectorNumber), 'Attempts before a sector is given up; not set is no limit.', 10),
      PollInterval: key(
        duration('3m0s'),
        'Between two looks at the upgrades; they are looked at with every new head, too.',
      ),
      APIFailureWait: key(duration('3m0s'), 'After the chain could not be reached.'),
      LocalFailureWait: key(duration('3m0s'), 'After an error of our own.'),
    }),
  }),
  Commitment: section({
    Confidence: key(count(10), 'Epochs after which a message counts as landed.'),
    WaitWhileGasIsDear: key(
      bool(true),
      'While the base fee is more than ten times what it was in the last hours, only sectors that cannot wait any longer are sent.',
    ),
    Pre: message(2, {}),
    Prove: message(4, aggregation),
    Terminate: message(2, {}),
  }),
  PoSt: section({
    ...senders,
    Enabled: key(bool(true), 'Prove this miner (with --poster).'),
    StrictCheck: key(bool(true), 'Read data of the sectors before proving, not only look for the files.'),
    Parallel: key(bool(false), 'Prove the partitions of a deadline at the same time.'),
    ...fees,
    Confidence: key(count(10), 'Epochs after which a message counts as landed.'),
    SubmitConfidence: key(z.int().default(0), 'Submit so many epochs after the deadline opens; 0 means 4.'),
    ChallengeConfidence: key(z.int().default(0), 'Begin so many epochs after the challenge; 0 means 10.'),
    MaxRecoverSectorLimit: key(count(0), 'Sectors in one declaration of recovery; 0 is no limit.'),
    MaxPartitionsPerPoStMessage: key(count(0), 'Partitions in one submission; 0 is the limit of the network.'),
    MaxPartitionsPerRecoveryMessage: key(count(0), 'Partitions in one declaration of recovery; 0 is no limit.'),
  }),
  Proof: section({ Enabled: key(bool(false), 'Winning PoSt (with --miner).') }),
  Sealing: section({
    SealingEpochDuration: key(
      z.int().nonnegative().default(0),
      'Epochs that sealing takes: deals must not start sooner; 0 does not look.',
    ),
    UseSyntheticPoRep: key(bool(false), 'Seal with synthetic PoRep.'),
    RequireActivationSuccess: key(bool(false), 'One sector that cannot be activated fails its whole message.'),
    RequireActivationSuccessUpdate: key(bool(false), 'The same for upgrades.'),
    RequireNotificationSuccess: key(bool(false), 'A refused notification fails the sector.'),
    RequireNotificationSuccessUpdate: key(bool(false), 'The same for upgrades.'),
    SealingSectorDeadlineDelayNi: key(z.int().default(6), 'Deadlines ahead that non-interactive sectors go to.'),
  }),
  /** Obsolete: `Sector.EnableDeals`. */
  Deal: z.object({ Enabled: z.boolean().optional() }).optional(),
})
export type MinerSettings = z.output<typeof MinerSettings>
