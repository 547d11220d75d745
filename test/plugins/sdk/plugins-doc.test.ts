import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { stageReference } from '../../../plugins/sdk/stage-reference.js'
import { STAGE_NAMES } from '../../../rpc-schema/processor/stages.js'

describe('docs/plugins.md', () => {
  it('has every stage with its task and its output as they are declared (else: sealyard plugin schema)', () => {
    const doc = readFileSync(new URL('../../../../docs/plugins.md', import.meta.url), 'utf8')
    expect(doc).to.contain(stageReference(STAGE_NAMES).trim())
  })
})
