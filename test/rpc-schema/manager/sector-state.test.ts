import { expect } from 'chai'
import { z } from 'zod'
import { PreCommitOnChainInfo } from '../../../rpc-schema/manager/commitment.js'
import { SectorState } from '../../../rpc-schema/manager/sector-state.js'

describe('SectorState', () => {
  const bare = { ID: { Miner: 1000, Number: 7 }, SectorType: 5 }

  it('takes a record with nothing but the sector, as imports write it', () => {
    const state = z.decode(SectorState, bare)
    expect(state.Finalized).to.equal(false)
    expect(state.AbortReason).to.equal('')
    expect(state.Pieces).to.equal(null)
    expect(state.MessageInfo).to.deep.equal({ PreCommitCid: null, CommitCid: null, NeedSend: false })
  })

  it('leaves out what Go leaves out, and writes the rest in Go’s order', () => {
    const wire = z.encode(SectorState, z.decode(SectorState, bare))
    expect(JSON.stringify(wire)).to.equal(
      '{"ID":{"Miner":1000,"Number":7},"SectorType":5,"Deals":null,"Pieces":null,' +
        '"MessageInfo":{"PreCommitCid":null,"CommitCid":null,"NeedSend":false},' +
        '"TerminateInfo":{"TerminateCid":null,"TerminatedAt":0,"AddedHeight":0},"Finalized":false,"Removed":false,' +
        '"AbortReason":"","Upgraded":false,"UpgradePublic":null,"UpgradedInfo":null,"UpgradeMessageID":null,' +
        '"UpgradeLandedEpoch":null,"Imported":false,"NeedRebuild":false,"Unsealing":false}',
    )
  })

  it('reads null members as Go does', () => {
    const nulls = { ...bare, Ticket: null, Seed: null, Finalized: null, AbortReason: null, LatestState: null }
    expect(JSON.stringify(z.decode(SectorState, nulls))).to.equal(JSON.stringify(z.decode(SectorState, bare)))
  })

  it('takes the empty upgrade of an imported sector', () => {
    const upgraded = { AccessInstance: '', SealedCID: null, UnsealedCID: null, Proof: null }
    const state = z.decode(SectorState, { ...bare, Imported: true, Upgraded: true, UpgradedInfo: upgraded })
    expect(state.UpgradedInfo).to.deep.equal({ ...upgraded, Proof: new Uint8Array() })
    expect(z.encode(SectorState, state).UpgradedInfo).to.deep.equal(upgraded)
  })

  it('takes a record without a ticket, but no randomness of a wrong length', () => {
    const ticket = (bytes: number) => ({
      ...bare,
      Ticket: { Ticket: Buffer.alloc(bytes).toString('base64'), Epoch: 1 },
    })
    expect(z.decode(SectorState, { ...bare, Ticket: { Ticket: null, Epoch: 0 } }).Ticket?.Ticket).to.have.lengthOf(0)
    expect(z.decode(SectorState, ticket(32)).Ticket?.Ticket).to.have.lengthOf(32)
    expect(z.safeDecode(SectorState, ticket(31)).success).to.equal(false)
    const submitted = { CommR: Array(32).fill(1), CommD: Array(32).fill(2), Ticket: { Ticket: null, Epoch: 0 } }
    expect(z.safeDecode(PreCommitOnChainInfo, submitted).success).to.equal(false)
    const whole = { ...submitted, Ticket: ticket(32).Ticket }
    expect(z.encode(PreCommitOnChainInfo, z.decode(PreCommitOnChainInfo, whole))).to.deep.equal(whole)
  })

  it('names the path of a wrong member', () => {
    const wrong = { ...bare, Ticket: { Ticket: 'not base64', Epoch: 1 } }
    const outcome = z.safeDecode(SectorState, wrong)
    expect(outcome.error?.issues[0]?.path).to.deep.equal(['Ticket', 'Ticket'])
  })
})
