import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { NativeVerifier } from '../../daemon/devnet/native-verifier.js'
import { ensureParameters } from '../../plugins/prover/parameters.js'
import { commRToCid } from '../../rpc-schema/wire/cid.js'
import { DevnetUnderTest, failure, MINER } from '../daemon/devnet/devnet-under-test.js'
import { nativeWindowProver, WindowPoster } from '../harness/window-poster.js'
import { SectorOnDisk } from '../plugins/prover/sealed-sector.js'

describe('e2e: window proofs of sealed files on the devnet', function () {
  this.timeout(600_000)
  const store = mkdtempSync(join(tmpdir(), 'window-poster-'))
  const prover = nativeWindowProver([join(store, 'empty'), store])
  const native = new NativeVerifier()
  const sectors: SectorOnDisk[] = []
  let test: DevnetUnderTest

  before(async () => {
    await ensureParameters({ sectorSize: 2048 })
    for (const dir of ['sealed', 'cache']) mkdirSync(join(store, dir))
    for (const number of [100, 101, 102]) {
      const sector = new SectorOnDisk(number).preCommit()
      symlinkSync(sector.sealedPath, join(store, 'sealed', `s-t01000-${number}`))
      symlinkSync(sector.cacheDir, join(store, 'cache', `s-t01000-${number}`))
      sectors.push(sector)
    }
    test = await DevnetUnderTest.start({
      startEpoch: 5000,
      challengeWindow: 20,
      deadlines: 6,
      // How the sectors were sealed is not looked at, only what the windows show.
      verifier: {
        verifySeal: () => Promise.resolve(true),
        verifyAggregate: () => Promise.resolve(true),
        verifyWindowPost: post => native.verifyWindowPost(post),
        verifyUpdate: () => Promise.resolve(true),
        pieceCommitment: piece => native.pieceCommitment(piece),
        close: () => native.close(),
      },
    })
    const infos = sectors.map(({ sectorId, commR }) => test.preCommitInfo(sectorId, { SealedCID: commRToCid(commR) }))
    await test.preCommit(infos)
    await test.admin.Advance(10)
    await test.prove(test.proveParams(sectors.map(({ sectorId }) => ({ number: sectorId }))))
  })
  after(async () => {
    await test?.stop()
    await prover.close()
    for (const sector of sectors) sector.remove()
    rmSync(store, { recursive: true, force: true })
  })

  it('give power to sectors whose files are there, and to no others', async () => {
    const wrong = new WindowPoster({
      node: test.node,
      miner: MINER,
      prove: async task => (await prover(task)).map((byte, at) => (at === 100 ? byte ^ 1 : byte)),
    })
    expect((await failure(wrong.activate(test.admin))).message).to.match(/window post verification failed \(16\)/)
    const poster = new WindowPoster({ node: test.node, miner: MINER, prove: prover })
    await poster.activate(test.admin)
    expect(await test.node.StateMinerSectorCount(MINER, [])).to.deep.equal({ Live: 3, Active: 3, Faulty: 0 })
    expect((await test.node.StateMinerPower(MINER, [])).MinerPower.RawBytePower).to.equal(6144n)
  })
})
