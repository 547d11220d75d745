import { expect } from 'chai'
import { messageProgress, type PollFacts } from '../../../../daemon/manager/commitment/poll-state.js'
import { ON_CHAIN_STATE } from '../../../../rpc-schema/manager/commitment.js'

const receipt = (ExitCode: number) => ({ ExitCode, Return: null, GasUsed: 1_000_000, EventsRoot: null })
const text = (code: number): string =>
  `MessageReceipt: {\n  "ExitCode": ${code},\n  "Return": null,\n  "GasUsed": 1000000,\n  "EventsRoot": null\n}`
const landed = (code: number, height = 100) =>
  ({ state: 'landed', height, receipt: receipt(code), error: null }) as const

const BASE: PollFacts = {
  hasCid: true,
  needSend: false,
  message: landed(0),
  sectorCode: null,
  headHeight: 110,
  confidence: 10,
}

const TABLE: readonly (readonly [
  when: string,
  facts: Partial<PollFacts>,
  state: keyof typeof ON_CHAIN_STATE,
  desc: string | null,
])[] = [
  ['no message, to be sent', { hasCid: false, needSend: true }, 'pending', null],
  ['no message, not to be sent', { hasCid: false }, 'failed', 'attempt to publish message but failed'],
  ['a message nobody knows', { message: undefined }, 'pending', null],
  ['pushed', { message: { state: 'pushed', height: null, receipt: null, error: null } }, 'pending', null],
  [
    'dropped',
    { message: { state: 'dropped', height: null, receipt: null, error: 'nonce too low' } },
    'failed',
    'nonce too low',
  ],
  ['on chain, not deep enough', { headHeight: 109 }, 'packed', text(0)],
  ['failed, not deep enough', { headHeight: 109, message: landed(16) }, 'packed', text(16)],
  [
    'on chain without receipt',
    { message: { ...landed(0), receipt: null } },
    'failed',
    'receipt not found for on-chain message',
  ],
  ['exit code 0', {}, 'landed', text(0)],
  ['no funds (system)', { message: landed(6) }, 'failed', text(6)],
  ['out of gas', { message: landed(7) }, 'failed', text(7)],
  ['no funds (actor)', { message: landed(19) }, 'failed', text(19)],
  ['illegal argument', { message: landed(16) }, 'permFailed', text(16)],
  ['forbidden', { message: landed(18) }, 'permFailed', text(18)],
  [
    'the batch landed, this sector did not',
    { sectorCode: 16 },
    'permFailed',
    `${text(0)}\nthis sector: ErrIllegalArgument(16)`,
  ],
  ['the same for want of funds', { sectorCode: 19 }, 'failed', `${text(0)}\nthis sector: ErrInsufficientFunds(19)`],
  ['this sector landed', { sectorCode: 0 }, 'landed', text(0)],
]

describe('manager: what a poll answers', () => {
  for (const [when, facts, state, desc] of TABLE) {
    it(`${when}: ${state}`, () => {
      expect(messageProgress({ ...BASE, ...facts })).to.deep.equal({ State: ON_CHAIN_STATE[state], Desc: desc })
    })
  }
})
