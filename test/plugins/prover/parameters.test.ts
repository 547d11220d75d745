import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import {
  checkParameters,
  ensureParameters,
  type ParameterProgress,
  reportParameters,
} from '../../../plugins/prover/parameters.js'
import { createProverPool } from '../../../plugins/prover/pool.js'
import { prover } from '../../../plugins/prover/prover.js'
import { callElsewhere, startElsewhere } from './other-process.js'
import { filled, PROVER_ID, SectorOnDisk, WINDOW_PROOF } from './sealed-sector.js'

const KIB2 = 2048
const SET = { sectorSize: KIB2, set: 'window' } as const

async function failure(work: Promise<unknown>): Promise<Error & { code?: string }> {
  try {
    await work
  } catch (error) {
    return error as Error
  }
  throw new Error('expected a failure')
}

describe('parameters: the generator', function () {
  this.timeout(120_000)
  let directory: string
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'sealyard-parameters-'))
  })
  afterEach(() => rmSync(directory, { recursive: true, force: true }))

  const filesIn = (path: string) => readdirSync(path).filter(name => name.startsWith('v28-'))

  it("writes the same bytes as the library's own, and its parameters prove", () => {
    const seed = 'a seed of this test'
    const [fast, stock] = (['fast', 'stock'] as const).map(generator => join(directory, generator)) as [string, string]
    prover.parametersGenerate({ ...SET, seed, directory: fast, generator: 'fast' })
    prover.parametersGenerate({ ...SET, seed, directory: stock, generator: 'stock' })
    expect(filesIn(fast)).eql(filesIn(stock)).length(3)
    for (const name of filesIn(fast)) {
      expect(readFileSync(join(fast, name)).equals(readFileSync(join(stock, name))), name).equal(true)
    }

    const sector = new SectorOnDisk(5).preCommit()
    try {
      const statement = { proofType: WINDOW_PROOF, randomness: filled(7), proverId: PROVER_ID }
      const [proven] = callElsewhere(fast, 'windowPost', { ...statement, replicas: [sector.replica] })
      const replicas = [{ sectorId: sector.sectorId, commR: sector.commR }]
      const verify = { ...statement, replicas, proof: proven!.proof }
      expect(callElsewhere(fast, 'verifyWindowPost', verify)).equal(true)
      expect(callElsewhere(fast, 'verifyWindowPost', { ...verify, randomness: filled(8) })).equal(false)
      // Another network's parameters: no error, just no proof there.
      expect(callElsewhere(join(directory, 'other'), 'verifyWindowPost', verify)).equal(false)
    } finally {
      sector.remove()
    }
  })

  it('makes the published development parameters, with progress, and finds them the next time', async () => {
    const seen: ParameterProgress[] = []
    const request = {
      sectorSize: KIB2,
      sets: ['window', 'srs'],
      directory,
      onProgress: (at: ParameterProgress) => seen.push(at),
    } as const
    expect((await ensureParameters(request)).generated).eql(['window', 'srs'])
    expect(seen.length).greaterThan(0)
    expect(seen.every((at, i) => at.share >= (seen[i - 1]?.share ?? 0) && at.share <= 1)).equal(true)
    const [report] = await checkParameters({ sectorSize: KIB2, sets: ['window'], directory })
    expect(report!.params).include({ state: 'ok', origin: 'development', bytes: 11_501_496 })
    expect(report!.vk).include({ state: 'ok', origin: 'development', bytes: 3076 })
    expect(prover.srsReport({ directory })).include({ state: 'ok', origin: 'development' })
    expect((await ensureParameters(request)).generated).eql([])
  })

  it('makes them once for two processes that start together', async () => {
    const other = once(startElsewhere(directory, 'parametersGenerate', { ...SET, directory }), 'exit')
    const pool = createProverPool({ threads: 2 })
    try {
      const both = await Promise.all([1, 2].map(() => pool.call('parametersGenerate', { ...SET, directory })))
      expect(await other).eql([0, null])
      expect(both.filter(result => result.generated).length).lessThan(2)
      expect(filesIn(directory)).length(3)
      expect(readdirSync(directory).filter(name => name.includes('.part-'))).eql([])
    } finally {
      await pool.close()
    }
  })

  it('leaves no half file when it is killed, and cleans up the next time', async () => {
    const child = startElsewhere(directory, 'parametersGenerate', { sectorSize: KIB2, set: 'winning', directory })
    while (!readdirSync(directory).some(name => name.includes('.part-'))) await sleep(20)
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(filesIn(directory)).eql([])
    expect(readdirSync(directory).some(name => name.includes('.part-'))).equal(true)
    // Another set has other temporary files: this one's are cleared when it is made, or given up.
    const stopping = new AbortController()
    const pending = ensureParameters({
      sectorSize: KIB2,
      sets: ['winning'],
      directory,
      signal: stopping.signal,
      onProgress: ({ phase }) => phase === 'points' && stopping.abort(new Error('enough')),
    })
    expect((await failure(pending)).message).equal('enough')
    expect(readdirSync(directory).filter(name => !name.endsWith('.lock'))).eql([])
  })
})

describe('parameters: what is there', () => {
  let directory: string
  let params: string
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'sealyard-parameters-'))
    params = prover.parametersGenerate({ ...SET, directory }).params.path
  })
  after(() => rmSync(directory, { recursive: true, force: true }))

  const look = () => reportParameters({ sectorSize: KIB2, sets: ['window'], directory })[0]!

  it('sees a file that was cut off, and makes it again', async () => {
    truncateSync(params, statSync(params).size - 100_000)
    expect(look().params).include({ state: 'damaged' })
    expect(look().params.reason).match(/it has 11401496 bytes, but at least \d+ are expected/)
    expect((await ensureParameters({ sectorSize: KIB2, sets: ['window'], directory })).generated).eql(['window'])
    expect(look().params.state).equal('ok')
  })

  it('sees a verifying key that belongs to other parameters', () => {
    const vk = look().vk.path
    const own = readFileSync(vk)
    const other = mkdtempSync(join(tmpdir(), 'sealyard-parameters-'))
    try {
      writeFileSync(vk, readFileSync(prover.parametersGenerate({ ...SET, directory: other, seed: 'other' }).vk.path))
      expect(look().vk).include({ state: 'damaged', origin: 'unknown' })
      expect(look().vk.reason).contain('not the key of the parameter file')
    } finally {
      writeFileSync(vk, own)
      rmSync(other, { recursive: true })
    }
  })

  it('makes a verifying key again that is missing or damaged, from the parameters', async () => {
    const vk = look().vk.path
    const own = readFileSync(vk)
    for (const harm of [() => rmSync(vk), () => truncateSync(vk, 100), () => writeFileSync(vk, '')]) {
      harm()
      expect(look().vk.state).not.equal('ok')
      await ensureParameters({ sectorSize: KIB2, sets: ['window'], directory })
      expect(look().vk.state).equal('ok')
      expect(readFileSync(vk).equals(own)).equal(true)
    }
  })

  it('finds a changed byte by the digest', async () => {
    const content = readFileSync(params)
    const changed = Uint8Array.from(content)
    changed[5_000_000]! ^= 1
    writeFileSync(params, changed)
    expect(look().params.state).equal('ok')
    const [report] = await checkParameters({ sectorSize: KIB2, sets: ['window'], directory })
    expect(report!.params).include({ state: 'damaged', origin: 'unknown' })
    writeFileSync(params, content)
  })

  it('never makes parameters of real sectors', async () => {
    const request = { sectorSize: 32 * 1024 ** 3, directory }
    const error = await failure(ensureParameters(request))
    expect(error).include({ code: 'PARAMETERS_MISSING' })
    expect(error.message).contain('lotus fetch-params 32GiB')
    expect(() => prover.parametersGenerate({ ...request, set: 'window' })).throw('never made locally')
    const [report] = reportParameters(request)
    expect(report!.params).include({
      state: 'missing',
      officialCid: 'QmengpM684XLQfG8754ToonszgEg2bQeAGUan5uXTHUQzJ',
    })
  })

  it('says what to do when parameters are missing for a proof, after it has read the request', () => {
    const sector = new SectorOnDisk(6).preCommit()
    const nowhere = join(directory, 'nowhere')
    try {
      const { proverId, sectorId } = sector
      const phase1Output = JSON.parse(JSON.stringify(sector.c1()))
      const c2 = (output: typeof phase1Output) => () =>
        callElsewhere(nowhere, 'c2', { phase1Output: output, proverId, sectorId })
      expect(c2(phase1Output)).throw(/no parameters .*sealyard params generate --size 2KiB --set porep/)
      expect(c2({ ...phase1Output, vanilla_proofs: {} })).throw('the request does not fit')
    } finally {
      sector.remove()
    }
  })

  it('counts circuits', () => {
    expect(prover.circuitSize(SET)).include({ constraints: 21_889 })
  })
})
