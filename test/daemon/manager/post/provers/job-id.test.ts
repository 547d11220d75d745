import { expect } from 'chai'
import { inputText, jobId } from '../../../../../daemon/manager/post/provers/worker-prover/job-id.js'

const COMM_R = Uint8Array.from({ length: 32 }, (_, at) => at)

describe('worker-prover: ids of jobs', () => {
  const id = (input: Parameters<typeof inputText>[0]): Promise<string> => jobId(inputText(input))

  it('S001-37: are those that damocles-manager makes', async () => {
    expect(await id({ Sectors: [], MinerId: 0, ProofType: '', Seed: new Uint8Array(32) })).to.equal('5vz5mRAPBGq')
    const Accesses = { SealedFile: 'store-a', CacheDir: 'store-b' }
    expect(
      await id({
        Sectors: [{ SectorId: 7, CommR: COMM_R, Upgrade: true, Accesses }],
        MinerId: 1000,
        ProofType: 'StackedDrgWindow2KiBV1_2',
        Seed: COMM_R,
      }),
    ).to.equal('gjtrJmnTFXv')
    expect(
      await id({ Sectors: [], MinerId: 10_000, ProofType: 'StackedDrgWindow2KiBV1', Seed: new Uint8Array(32) }),
    ).to.equal('cx2K4cEPPz4')
  })

  it('are made of the JSON that Go writes, whatever the names of stores', () => {
    const Accesses = { SealedFile: 'a<b>&\u2028é', CacheDir: '"' }
    const text = inputText({
      Sectors: [{ SectorId: 1, CommR: COMM_R, Upgrade: false, Accesses }],
      MinerId: 1,
      ProofType: '',
      Seed: COMM_R,
    })
    expect(text).to.contain('{"SealedFile":"a\\u003cb\\u003e\\u0026\\u2028é","CacheDir":"\\""}')
    expect(text).to.match(/^\{"Sectors":\[\{"SectorId":1,"CommR":\[0,1,2,[\d,]*31\],"Upgrade":false,"Accesses":/)
  })
})
