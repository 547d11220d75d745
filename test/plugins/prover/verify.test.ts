import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type { ProverMethod, ProverRequest } from '../../../plugins/prover/calls.js'
import { callElsewhere } from './other-process.js'

type Fixture = Record<string, unknown>

/** Proofs under the published development parameters; bytes are hex. */
const fixtures = JSON.parse(
  readFileSync(new URL('../../../../test/vectors/development-proofs.json', import.meta.url), 'utf8'),
) as Record<'seal' | 'window' | 'winning' | 'update', Fixture>

/** Strings of whole bytes are bytes; names of proofs are not hex. */
function bytesOf(value: unknown): unknown {
  if (typeof value === 'string' && /^([0-9a-f]{2}){32,}$/.test(value)) return Uint8Array.from(Buffer.from(value, 'hex'))
  if (Array.isArray(value)) return value.map(bytesOf)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, bytesOf(item)]))
}

describe('prover: verifying with nothing but the keys that come along', function () {
  this.timeout(60_000)
  let directory: string
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'sealyard-keys-'))
  })
  after(() => rmSync(directory, { recursive: true, force: true }))

  const cases = [
    ['seal', 'verifySeal', 'sectorId', 99],
    ['window', 'verifyWindowPost', 'randomness', new Uint8Array(32)],
    ['winning', 'verifyWinningPost', 'randomness', new Uint8Array(32)],
    ['update', 'updateVerify', 'commRNew', new Uint8Array(32)],
  ] as const

  for (const [name, method, key, wrong] of cases) {
    it(`${name}: true for the statement, false for another, and the key is in the cache`, () => {
      const own = join(directory, name)
      const request = bytesOf(fixtures[name]) as ProverRequest<ProverMethod>
      expect(callElsewhere(own, method, request as never)).equal(true)
      expect(callElsewhere(own, method, { ...request, [key]: wrong } as never)).equal(false)
      expect(readdirSync(own)).length(1)
      expect(readdirSync(own)[0]).match(/^v28-.*\.vk$/)
    })
  }
})
