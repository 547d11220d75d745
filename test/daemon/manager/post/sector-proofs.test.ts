import { expect } from 'chai'
import { type ProofTrial, proveWhatCanBe } from '../../../../daemon/manager/post/sector-proofs.js'
import type { WindowProofResult } from '../../../../daemon/manager/post/window-prover.js'

const PROOF: WindowProofResult = { proofs: [{ PoStProof: 10, ProofBytes: new Uint8Array([1]) }], faults: [] }
const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

function trial(prove: (numbers: readonly number[]) => WindowProofResult, change: Partial<ProofTrial> = {}) {
  const asked: number[][] = []
  const made: ProofTrial = {
    prove: async numbers => {
      asked.push([...numbers])
      return prove(numbers)
    },
    hasTime: () => true,
    isPatient: () => true,
    blamed: new Set(),
    failures: 0,
    canSplit: false,
    ...change,
  }
  return { trial: made, asked }
}

const namesBad = (bad: ReadonlySet<number>) => (numbers: readonly number[]) => {
  const faults = numbers.filter(number => bad.has(number))
  return faults.length > 0 ? { proofs: [], faults } : PROOF
}

const namesNobody = (bad: ReadonlySet<number>) => (numbers: readonly number[]) => {
  if (numbers.some(number => bad.has(number))) throw new Error('something is wrong')
  return PROOF
}

describe('proving what can be proven', () => {
  for (const count of [1, 10, 100])
    it(`fault 35: ${count} bad sectors of 2349 that the prover names are left out, in two calls`, async () => {
      const { trial: given, asked } = trial(namesBad(new Set(range(count))))
      const outcome = await proveWhatCanBe(range(2349), given)
      expect(outcome.kind === 'made' && outcome.proof.numbers.length).to.equal(2349 - count)
      expect(asked).to.have.length(2)
    })

  it('fault 35: when all are bad there is nothing to prove', async () => {
    const { trial: given } = trial(namesBad(new Set(range(2349))))
    expect((await proveWhatCanBe(range(2349), given)).kind).to.equal('nothing')
  })

  it('sectors that could not be read yet are waited for while there is patience, and nobody is blamed; then they are left out', async () => {
    const late = (numbers: readonly number[]) =>
      numbers.includes(3) ? { proofs: [], faults: numbers.filter(number => number === 5), late: [3] } : PROOF
    const { trial: given, asked } = trial(late)
    expect(await proveWhatCanBe(range(8), given)).to.deep.equal({ kind: 'late', why: 'not read yet: sectors 3' })
    expect([...given.blamed], 'the one that is bad').to.deep.equal([5])
    expect(asked).to.have.length(1)
    const outcome = await proveWhatCanBe(range(8), { ...given, isPatient: () => false })
    expect(outcome.kind === 'made' && outcome.proof.numbers).to.deep.equal([0, 1, 2, 4, 6, 7])
  })

  it('fault 36: a prover that names another sector each time is asked a bounded number of times', async () => {
    const { trial: given, asked } = trial(numbers => ({ proofs: [], faults: [numbers[0]!] }))
    const outcome = await proveWhatCanBe(range(2349), given)
    expect(outcome.kind).to.equal('again')
    expect(asked.length).to.be.lessThan(70)
  })

  it('fault 36: the best proof that was made on the way is the one that counts', async () => {
    const { trial: given } = trial(numbers => (numbers.length > 600 ? { proofs: [], faults: [numbers[0]!] } : PROOF))
    const outcome = await proveWhatCanBe(range(1_000), given)
    expect(outcome.kind === 'made' && outcome.proof.numbers.length).to.be.greaterThan(400)
  })

  it('a prover that fails without a name is asked once more later, then its partitions one by one', async () => {
    const prove = namesNobody(new Set([3]))
    expect((await proveWhatCanBe(range(8), trial(prove, { failures: 1, canSplit: true }).trial)).kind).to.equal('again')
    expect((await proveWhatCanBe(range(8), trial(prove, { failures: 2, canSplit: true }).trial)).kind).to.equal('split')
  })

  it('in a single partition the culprits are found by halving', async () => {
    const { trial: given, asked } = trial(namesNobody(new Set([3, 700])), { failures: 2 })
    const outcome = await proveWhatCanBe(range(1_024), given)
    expect(outcome.kind === 'made' && outcome.proof.numbers.length).to.equal(1_022)
    expect(asked.length).to.be.lessThan(45)
  })

  it('when the time is over, what has been proven until then is kept', async () => {
    let calls = 0
    const { trial: given } = trial(namesNobody(new Set([900])), { failures: 2, hasTime: () => calls++ < 3 })
    const outcome = await proveWhatCanBe(range(1_024), given)
    expect(outcome.kind === 'made' && outcome.proof.numbers.length).to.equal(512)
  })
})
