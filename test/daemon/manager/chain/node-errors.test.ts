import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { foreseenExitCode } from '../../../../daemon/manager/chain/node-errors.js'

const ROOT = new URL('../../../../../', import.meta.url)

/** What a real node answered to messages that would fail. */
const recorded = readFileSync(new URL('test/vectors/lotus-samples/calls.jsonl', ROOT), 'utf8')
  .trimEnd()
  .split('\n')
  .map(line => JSON.parse(line) as { name: string; response: unknown })

describe('errors of a node', () => {
  for (const [name, code] of [
    ['err.push-bad-method', 22],
    ['err.push-bad-params', 21],
    ['err.push-insufficient-funds', 6],
  ] as const)
    it(`${name}: the message would fail with ${code}`, () => {
      const found = recorded.find(call => call.name === name)!
      const text = JSON.stringify(found.response)
      expect(foreseenExitCode(text)).to.equal(code)
    })

  it('other errors tell nothing of a message', () => {
    expect(foreseenExitCode('the pool is full')).to.equal(undefined)
    expect(foreseenExitCode('')).to.equal(undefined)
  })
})
