import { Command } from 'commander'
import { sectorsCheckExpireCommand, sectorsExpiredCommand } from './sectors-expire-commands.js'
import { sectorsExportCommand } from './sectors-export-command.js'
import { sectorsExtendCommand } from './sectors-extend-command.js'
import { sectorsImportCommand } from './sectors-import-command.js'
import { sectorsFindDealCommand, sectorsHistoryCommand, sectorsListCommand } from './sectors-list-command.js'
import { sectorsAbortCommand, sectorsFinalizeCommand, sectorsRestoreCommand } from './sectors-move-command.js'
import { sectorsNumbersCommand, sectorsPledgeCommand, sectorsPledgesCommand } from './sectors-pledge-command.js'
import { sectorsRebuildCommand } from './sectors-rebuild-command.js'
import { sectorsRemoveCommand } from './sectors-remove-command.js'
import { sectorsResendCommands } from './sectors-resend-commands.js'
import { sectorsStateCommand } from './sectors-state-command.js'
import { sectorsTerminateCommand } from './sectors-terminate-command.js'
import { sectorsUnsealCommand } from './sectors-unseal-command.js'
import type { Talk } from './talk.js'

/** `util sealer sectors`. */
export function sectorsCommand(talk: Talk): Command {
  const sectors = new Command('sectors').description('Commands for interacting with sectors')
  const commands = [
    sectorsAbortCommand,
    sectorsListCommand,
    sectorsRestoreCommand,
    sectorsFinalizeCommand,
    sectorsRemoveCommand,
    sectorsStateCommand,
    sectorsHistoryCommand,
    sectorsFindDealCommand,
    sectorsPledgeCommand,
    sectorsPledgesCommand,
    sectorsNumbersCommand,
    sectorsImportCommand,
    sectorsExportCommand,
    sectorsCheckExpireCommand,
    sectorsExpiredCommand,
    sectorsExtendCommand,
    sectorsTerminateCommand,
    ...sectorsResendCommands,
    sectorsRebuildCommand,
    sectorsUnsealCommand,
  ]
  for (const command of commands) sectors.addCommand(command(talk))
  return sectors
}
