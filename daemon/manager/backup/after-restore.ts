import type { Knex } from 'knex'
import { errorText } from '../../../rpc-schema/seal-error.js'
import type { Logger } from '../../kit/log.js'
import type { ChainApi } from '../chain/chain-node.js'
import { behindChain, behindText } from './behind-chain.js'
import { clearMark, readMark } from './restored-mark.js'

/**
 * At the first start after a restore: rejects when the chain knows sectors that the database does not, until the operator has said that they are
 * known to be missing. The mark is taken away once a start is allowed.
 */
export async function admitRestored(options: {
  homeDir: string
  db: Knex
  api: Pick<ChainApi, 'StateMinerAllocated'>
  miners: Iterable<number>
  log: Logger
}): Promise<void> {
  const { homeDir, db, api, miners, log } = options
  const mark = await readMark(homeDir)
  if (mark === undefined) return
  const copied = new Date(mark.copiedAt).toISOString()
  const behind = await behindChain(db, api, miners).catch((error: unknown) => {
    if (mark.acknowledged) return []
    throw new Error(
      `the database was restored from a copy of ${copied}, and the chain cannot be asked what is missing since: ${errorText(error)}`,
      { cause: error },
    )
  })
  const missing = behind.map(behindText).join('; ')
  if (behind.length > 0 && !mark.acknowledged)
    throw new Error(
      `the database was restored from a copy of ${copied} and lies behind the chain: ${missing}. Records of these sectors are missing: bring a newer backup, or say \`damocles-manager util restore --acknowledge\` and import them`,
    )
  if (behind.length > 0) log.warn({ copied }, `restored database, sectors without records: ${missing}`)
  else log.info({ copied }, 'restored database: it knows every sector that the chain knows')
  await clearMark(homeDir)
}
