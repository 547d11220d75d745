import { Command } from 'commander'
import { SUBMIT_RESULT, type SubmitResp } from '../../../rpc-schema/manager/commitment.js'
import type { SectorState } from '../../../rpc-schema/manager/sector-state.js'
import { cidToCommD, cidToCommR } from '../../../rpc-schema/wire/cid.js'
import { sectorName } from '../../../rpc-schema/wire/sector-id.js'
import { minerArgument, numberArgument } from './arguments.js'
import { type ManagerClient, say, type Talk } from './talk.js'

interface Resend {
  readonly name: string
  readonly description: string
  /** What keeps the record from being submitted again. */
  problem(record: SectorState): string | undefined
  submit(manager: ManagerClient, record: SectorState): Promise<SubmitResp>
}

const WAITS = 'its message waits to be sent already'

const RESENDS: readonly Resend[] = [
  {
    name: 'resend-pre',
    description: 'Submit the pre-commit of a sector again, where that does not happen by itself',
    problem: ({ Pre, Proof, MessageInfo }) => {
      if (Pre === undefined) return 'it has no pre-commit yet'
      if (Proof !== undefined) return 'it has been proven: use resend-prove'
      return MessageInfo.NeedSend ? WAITS : undefined
    },
    submit: (manager, { ID, SectorType, Pre }) =>
      manager.SubmitPreCommit(
        { ID, ProofType: SectorType },
        { CommR: cidToCommR(Pre!.CommR), CommD: cidToCommD(Pre!.CommD), Ticket: Pre!.Ticket },
        true,
      ),
  },
  {
    name: 'resend-prove',
    description: 'Submit the proof of a sector again, where that does not happen by itself',
    problem: ({ Proof, MessageInfo }) => {
      if (Proof === undefined) return 'it has no proof yet'
      return MessageInfo.NeedSend ? WAITS : undefined
    },
    submit: (manager, { ID, Proof }) => manager.SubmitProof(ID, Proof!, true),
  },
]

/** `sectors resend-pre` and `sectors resend-prove`. */
export const sectorsResendCommands = RESENDS.map(
  ({ name, description, problem, submit }) =>
    (talk: Talk): Command =>
      new Command(name)
        .description(description)
        .argument('<minerID>', 'the miner', minerArgument)
        .argument('<sectorNum>', 'the sector', numberArgument)
        .action((miner: number, number: number) =>
          talk(async manager => {
            const sid = { Miner: miner, Number: number }
            const record = await manager.FindSector('online', sid)
            if (record === null) throw new Error(`${sectorName(sid)} is not being sealed`)
            const found = problem(record)
            if (found !== undefined) throw new Error(`${sectorName(sid)} cannot be submitted again: ${found}`)
            const { Res, Desc } = await submit(manager, record)
            if (Res !== SUBMIT_RESULT.accepted) throw new Error(`refused: ${Desc ?? 'it is not what was submitted'}`)
            say(Desc === null ? 'accepted' : `accepted: ${Desc}`)
          }),
        ),
)
