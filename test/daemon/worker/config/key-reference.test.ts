import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { keysMarkdown } from '../../../../daemon/worker/config/key-reference.js'

describe('docs/worker-config.md', () => {
  it('has every key as it is declared (else: damocles-worker config keys)', () => {
    const doc = readFileSync(new URL('../../../../../docs/worker-config.md', import.meta.url), 'utf8')
    expect(doc).to.contain(keysMarkdown().trim())
  })
})
