import { expect } from 'chai'
import { z } from 'zod'
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

  it('names the path of a wrong member', () => {
    const wrong = { ...bare, Ticket: { Ticket: 'not base64', Epoch: 1 } }
    const outcome = z.safeDecode(SectorState, wrong)
    expect(outcome.error?.issues[0]?.path).to.deep.equal(['Ticket', 'Ticket'])
  })
})
