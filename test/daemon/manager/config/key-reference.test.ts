import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { keysMarkdown } from '../../../../daemon/manager/config/key-reference.js'

describe('docs/manager-config.md', () => {
  it('has every key as it is declared (else: damocles-manager config keys)', () => {
    const doc = readFileSync(new URL('../../../../../docs/manager-config.md', import.meta.url), 'utf8')
    expect(doc).to.contain(keysMarkdown().trim())
  })
})
