import { expect } from 'chai'
import { z } from 'zod'
import { lotusMinerService } from '../../../rpc-schema/chain/index.js'

describe('lotus-miner service', () => {
  const status = lotusMinerService.methods.SectorsStatus

  it('reads a sector with Go’s nil members', () => {
    const wire: unknown = {
      SectorID: 3,
      State: 'Proving',
      CommD: null,
      CommR: { '/': 'bagboea4b5abcahmvq3jyhisfwtt2sv2spppdgiwk4twslerii53vtfz4p3mzihsp' },
      Proof: null,
      Deals: null,
      Pieces: null,
      Ticket: { Value: Buffer.alloc(32, 7).toString('base64'), Epoch: 83 },
      Seed: { Value: null, Epoch: 0 },
      PreCommitMsg: null,
      CommitMsg: null,
      Retries: 0,
      Log: null,
      SealProof: 5,
      Activation: 1178,
      Expiration: 1_550_423,
    }
    const sector = z.decode(status.result, wire as z.input<typeof status.result>)
    expect(sector.Ticket).to.deep.equal({ Value: new Uint8Array(32).fill(7), Epoch: 83 })
    expect(sector.Seed.Value).to.have.lengthOf(0)
    expect(sector.Pieces).to.deep.equal([])
    expect(sector.CommD).to.equal(null)
    expect(sector).to.not.have.property('Retries')
  })
})
