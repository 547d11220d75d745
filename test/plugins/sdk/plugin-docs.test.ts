import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { z } from 'zod'
import { CHECKS } from '../../../plugins/conformance/suite.js'
import { stageReference } from '../../../plugins/sdk/stage-reference.js'
import { STAGE_NAMES, STAGES } from '../../../rpc-schema/processor/stages.js'

const docs = readFileSync(new URL('../../../../docs/plugins.md', import.meta.url), 'utf8')

/** Names of all members, at any depth, of what stands in a frame. */
function memberNames(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return []
  const { properties = {} } = schema as { properties?: Record<string, unknown> }
  return [...Object.keys(properties), ...Object.values(schema).flatMap(memberNames)]
}

describe('docs/plugins.md', () => {
  it('has the reference of the stages as `sealyard plugin schema` prints it', () => {
    const [, reference = ''] = /<!-- stages -->\n([\s\S]*)<!-- \/stages -->/.exec(docs) ?? []
    expect(reference.trim(), 'to mend it, put the output of `sealyard plugin schema` there').to.equal(
      stageReference(STAGE_NAMES).trim(),
    )
  })

  for (const stage of STAGE_NAMES) {
    it(`names every member of ${stage}`, () => {
      const [, section = ''] = new RegExp(`### ${stage}\n([\\s\\S]*?)(?=\n### |<!-- /)`).exec(docs) ?? []
      const { task, output } = STAGES[stage]
      for (const schema of [task, output] as z.ZodType[]) {
        for (const name of memberNames(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })))
          expect(section, name).to.match(new RegExp(`\\b${name}\\??:`))
      }
    })
  }

  it('tells of every check, what it expects and whether it is required', () => {
    for (const { name, level, expected } of CHECKS) expect(docs).to.contain(`| \`${name}\` | ${level} | ${expected} |`)
  })
})
