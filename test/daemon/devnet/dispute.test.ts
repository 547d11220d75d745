import { expect } from 'chai'
import { METHODS } from '../../../rpc-schema/actors/actor-methods.js'
import { EXIT_CODES } from '../../../rpc-schema/actors/exit-codes.js'
import { DeclareFaultsRecoveredParams, DisputeWindowedPoStParams } from '../../../rpc-schema/actors/miner-post.js'
import type { MsgLookup } from '../../../rpc-schema/chain/receipt.js'
import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import { FIL } from '../../../rpc-schema/wire/token-amount.js'
import { BAD_PROOF, DevnetUnderTest, GOOD_PROOF, MINER } from './devnet-under-test.js'
import { submitWindowPost, toWindow, whole } from './window-moves.js'

const WINDOW = 20
const DEADLINES = 6
/** 1,800 epochs of mainnet's period of 2,880, of one of 120 here. */
const DISPUTE_WINDOW = 75

describe('devnet: window proofs on trust, and their disputes', () => {
  let test: DevnetUnderTest
  let deadline: number
  beforeEach(async () => {
    test = await DevnetUnderTest.start({
      startEpoch: 5000,
      challengeWindow: WINDOW,
      deadlines: DEADLINES,
      trustPosts: true,
    })
    await test.preCommitted(1, 2)
    await test.prove(test.proveParams([{ number: 1 }, { number: 2 }]))
    deadline = (await test.node.StateSectorPartition(MINER, 1, [])).Deadline
    await toWindow(test, deadline)
  })
  afterEach(() => test.stop())

  const submit = (ProofBytes: Uint8Array): Promise<number> =>
    submitWindowPost(test, [whole(0)], { Proofs: [{ PoStProof: 10, ProofBytes }] })
  /** Into the epochs after the window that is open. */
  const past = async (epochs: number): Promise<void> => {
    const { Close } = await test.node.StateMinerProvingDeadline(MINER, [])
    await test.admin.NullRounds(Close - test.height + epochs)
    await test.admin.Advance(1)
  }
  const dispute = (PoStIndex = 0, Deadline = deadline): Promise<MsgLookup> =>
    test.land({
      From: test.client,
      Method: METHODS.miner.DisputeWindowedPoSt,
      Params: DisputeWindowedPoStParams.encode({ Deadline, PoStIndex }),
    })
  const codeOf = async (landed: Promise<MsgLookup>): Promise<number> => (await landed).Receipt.ExitCode
  const count = () => test.node.StateMinerSectorCount(MINER, [])
  const disputable = async () => (await test.node.StateMinerDeadlines(MINER, []))[deadline]!.DisputableProofCount
  const balanceOf = async (id: typeof MINER) => (await test.node.StateGetActor(id, [])).Balance

  it('a proof that does not hold is taken, and gives power until somebody shows it', async () => {
    expect(await submit(BAD_PROOF)).to.equal(0)
    expect(test.verifier.posts, 'on trust').to.deep.equal([])
    expect(await count()).to.include({ Active: 2, Faulty: 0 })
    expect(await disputable(), 'not before the window has closed').to.equal(0)
    await past(1)
    expect(await disputable()).to.equal(1)
    const [client, miner, supply] = [
      await balanceOf(test.client),
      await balanceOf(MINER),
      (await test.admin.Status()).TotalSupply,
    ]
    expect(await codeOf(dispute())).to.equal(0)
    expect(test.verifier.posts).to.have.length(1)
    expect(await count()).to.include({ Active: 0, Faulty: 2 })
    expect(await disputable()).to.equal(0)
    expect(miner - (await balanceOf(MINER))).to.equal(20n * FIL)
    const gained = (await balanceOf(test.client)) - client
    expect(gained > 3n * FIL && gained < 4n * FIL, `4 FIL less the gas: ${gained}`).to.equal(true)
    expect((await test.admin.Status()).TotalSupply).to.equal(supply)
    expect(await codeOf(dispute()), 'once').to.equal(EXIT_CODES.ErrNotFound)
  })

  it('a proof that holds stays, and whoever disputes it pays his gas for nothing', async () => {
    await submit(GOOD_PROOF)
    await past(1)
    expect(await codeOf(dispute())).to.equal(EXIT_CODES.ErrIllegalArgument)
    expect(await count()).to.include({ Active: 2, Faulty: 0 })
    expect(await disputable()).to.equal(1)
  })

  it('is verified at once when faulty sectors come back by it', async () => {
    await submit(BAD_PROOF)
    await past(1)
    await dispute()
    const Recoveries = [{ Deadline: deadline, Partition: 0, Sectors: Bitfield.of([1, 2]) }]
    const Params = DeclareFaultsRecoveredParams.encode({ Recoveries })
    expect(await codeOf(test.land({ Method: METHODS.miner.DeclareFaultsRecovered, Params }))).to.equal(0)
    await toWindow(test, deadline)
    expect(await submit(BAD_PROOF)).to.equal(EXIT_CODES.ErrIllegalArgument)
    expect(await submit(GOOD_PROOF)).to.equal(0)
    expect(await count()).to.include({ Active: 2, Faulty: 0 })
    await past(1)
    expect(await disputable(), 'verified already').to.equal(0)
  })

  it('can be disputed from the close of its window on, and for so long only', async () => {
    await submit(BAD_PROOF)
    expect(await codeOf(dispute()), 'its window is open').to.equal(EXIT_CODES.ErrForbidden)
    // A message runs in the epoch after its push.
    await past(DISPUTE_WINDOW)
    expect(await codeOf(dispute()), 'too late').to.equal(EXIT_CODES.ErrForbidden)
    expect(await count()).to.include({ Active: 2, Faulty: 0 })
    await toWindow(test, deadline)
    await past(1)
    expect(await disputable(), 'the window after that had no proof').to.equal(0)
  })

  it('tells what is not there', async () => {
    await submit(BAD_PROOF)
    await past(1)
    expect(await codeOf(dispute(1))).to.equal(EXIT_CODES.ErrNotFound)
    expect(await codeOf(dispute(0, DEADLINES))).to.equal(EXIT_CODES.ErrIllegalArgument)
  })

  it('is kept over a restart, and taken back by a reorg', async () => {
    await submit(BAD_PROOF)
    await past(1)
    await test.restart()
    expect(await disputable()).to.equal(1)
    expect(await codeOf(dispute())).to.equal(0)
    await test.admin.Reorg(2)
    expect(await count()).to.include({ Active: 2, Faulty: 0 })
  })
})
