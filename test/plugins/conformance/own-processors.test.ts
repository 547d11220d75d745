import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { runConformance } from '../../../plugins/conformance/suite.js'

const WORKER = fileURLToPath(new URL('../../../bin/damocles-worker.js', import.meta.url))

describe('built-in processors as children', () => {
  // One of each kind: files only, the prover with and without valid data, proofs, faults in the output.
  for (const stage of ['add_pieces', 'tree_d', 'pc1', 'c2', 'snap_prove', 'transfer', 'unseal', 'window_post']) {
    it(`${stage} conforms`, async function () {
      this.timeout(180_000)
      const report = await runConformance({
        bin: process.execPath,
        args: [WORKER, 'processor', stage],
        env: process.env,
        stage,
        limits: { readyMs: 60_000, readySoonMs: 60_000, answerMs: 120_000, exitMs: 30_000 },
        bigFrameBytes: stage === 'c2' ? 64 << 20 : 2 << 20,
      })
      expect(report.results.filter(({ result }) => result === 'fail' || result === 'warn')).to.deep.equal([])
      const skipped = report.results.filter(({ result }) => result === 'skip').map(({ check }) => check)
      expect(skipped).to.deep.equal(['add_pieces', 'tree_d', 'transfer'].includes(stage) ? [] : ['valid-output'])
    })
  }
})
