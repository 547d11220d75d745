import { z } from 'zod'
import { PostRehearsal } from '../../../rpc-schema/manager/post-rehearsal.js'
import { formatGoDuration } from '../../kit/config/duration.js'
import { tableText } from '../../kit/terminal/table.js'

const seconds = (ms: number): string => formatGoDuration(Math.round(ms / 1_000) * 1_000)
const orDash = (ms: number): string => (ms === 0 ? '-' : seconds(ms))

export const rehearsalsJson = (trials: readonly PostRehearsal[]): string =>
  JSON.stringify(
    trials.map(trial => z.encode(PostRehearsal, trial)),
    null,
    2,
  )

export const rehearsalsTable = (trials: readonly PostRehearsal[]): string =>
  tableText(
    ['miner', 'deadline', 'open', 'at', 'verdict', 'partitions', 'read', 'unread', 'reading', 'needed', 'left', 'took'],
    trials.map(trial => [
      `f0${trial.Miner}`,
      String(trial.Deadline),
      String(trial.Open),
      new Date(trial.At).toISOString(),
      trial.ByHand ? `${trial.Verdict} (by hand)` : trial.Verdict,
      String(trial.Partitions.length),
      String(trial.Partitions.reduce((sum, { Read }) => sum + Read, 0)),
      String(trial.UnreadCount),
      orDash(trial.Partitions.reduce((sum, { ReadMs }) => sum + ReadMs, 0)),
      orDash(trial.NeededMs),
      orDash(trial.LeftMs),
      orDash(trial.TookMs),
    ]),
  )

/** By partition and by store, and what could not be read. */
export const rehearsalDetails = ({ Partitions, Stores, Unread, UnreadCount }: PostRehearsal): string =>
  [
    tableText(
      ['partition', 'sectors', 'read', 'all would take'],
      Partitions.map(({ Partition, ToProve, Read, ReadMs }) => [
        String(Partition),
        String(ToProve),
        String(Read),
        orDash(ReadMs),
      ]),
    ),
    tableText(
      ['store', 'sectors', 'read', 'mean ms', 'longest ms'],
      Stores.map(({ Store, Sectors, Read, MeanMs, LongestMs }) => [
        Store,
        String(Sectors),
        String(Read),
        String(MeanMs),
        String(LongestMs),
      ]),
    ),
    ...Unread.map(({ Sector, Why }) => `sector ${Sector} could not be read: ${Why}`),
    ...(UnreadCount > Unread.length ? [`and ${UnreadCount - Unread.length} more`] : []),
  ].join('\n')
