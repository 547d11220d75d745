import { expect } from 'chai'
import { ProofsError } from '../../../plugins/prover/errors.js'
import { WarmProver } from '../../../plugins/stages/warm-prover.js'

describe('warm prover', function () {
  this.timeout(30_000)

  it('starts as many threads as are needed at once, keeps them, and lets the rest wait', async () => {
    const prover = new WarmProver(2)
    try {
      await prover.call('version', {})
      await prover.call('version', {})
      expect(prover.threads).to.equal(1)
      const versions = await Promise.all(Array.from({ length: 5 }, () => prover.call('version', {})))
      expect(versions.map(each => each.parametersVersion)).to.deep.equal(Array(5).fill(28))
      expect(prover.threads).to.equal(2)
    } finally {
      await prover.close()
    }
  })

  it('goes on after an error and after a panic', async () => {
    const prover = new WarmProver()
    try {
      const error = await prover
        .call('panicForTest', { message: 'boom', inThreadPool: false })
        .catch(failure => failure)
      expect(error).to.be.instanceOf(ProofsError)
      expect(error.code).to.equal('PANIC')
      expect((await prover.call('version', {})).parametersVersion).to.equal(28)
      expect(prover.threads).to.equal(1)
    } finally {
      await prover.close()
    }
  })

  it('takes no calls any more when it is closed', async () => {
    const prover = new WarmProver()
    await prover.close()
    expect((await prover.call('version', {}).catch(failure => failure)).message).to.contain('closed')
  })
})
