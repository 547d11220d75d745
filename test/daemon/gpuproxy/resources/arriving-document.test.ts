import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { ArrivingDocument } from '../../../../daemon/gpuproxy/resources/arriving-document.js'
import { readC2Resource } from '../../../../daemon/gpuproxy/resources/c2-resource.js'
import { FsResources } from '../../../../daemon/gpuproxy/resources/fs-resources.js'
import { resourceIdOf } from '../../../../rpc-schema/gpuproxy/task-ids.js'
import { c1out, resource } from '../proxy-under-test.js'

const BIG = Buffer.from(
  JSON.stringify({
    prover_id: Array(32).fill(7),
    sector_id: 9,
    c1out: { ...c1out(), vanilla_proofs: { StackedDrg2KiBV1: [[{ nodes: Array(300_000).fill(255) }]] } },
  }),
)

describe('gpuproxy: a document that is still coming', () => {
  let dir: string
  let store: FsResources
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'arriving-'))
    store = new FsResources(join(dir, 'made', 'when', 'needed'))
  })
  afterEach(() => rmSync(dir, { recursive: true, force: true }))

  const arrived = async (text: string, portion: number): Promise<ArrivingDocument> => {
    const document = new ArrivingDocument(store.receive())
    for (let at = 0; at < text.length; at += portion)
      await document.write(Buffer.from(text.slice(at, at + portion), 'latin1'))
    await document.finish()
    return document
  }
  const refusal = async (text: string): Promise<string> => {
    const document = await arrived(text, 5)
    try {
      document.read()
    } catch (error) {
      return (error as Error).message
    } finally {
      await document.discard()
    }
    return 'taken'
  }

  it('is stored as it is, and read, however it is divided', async () => {
    const { statement } = readC2Resource(resource(7))
    const texts = [resource(7).toString('base64'), resource(7).toString('base64').replace(/=+$/, '')]
    for (const text of texts)
      for (const portion of [1, 2, 3, 4, 5, 7, 64, 100_000]) {
        const document = await arrived(text, portion)
        const read = document.read()
        expect(read).to.deep.equal({ statement, resourceId: resourceIdOf(resource(7)) })
        await document.keep(read.resourceId)
        await document.discard()
        expect(readdirSync(store.where)).to.deep.equal([read.resourceId])
        expect(readFileSync(store.path(read.resourceId)).equals(resource(7))).to.equal(true)
      }
  })

  it('may be large: what came is in a file before the rest comes', async () => {
    const text = BIG.toString('base64')
    const document = new ArrivingDocument(store.receive())
    await document.write(Buffer.from(text.slice(0, 1_000_001)))
    expect(readdirSync(store.where)[0]).to.match(/\.partial$/)
    await document.write(Buffer.from(text.slice(1_000_001)))
    await document.finish()
    const { resourceId } = document.read()
    await document.keep(resourceId)
    expect(readFileSync(store.path(resourceId)).equals(BIG)).to.equal(true)
    await document.discard()
    expect(readdirSync(store.where)).to.deep.equal([resourceId])
  })

  it('leaves nothing when it is not kept', async () => {
    const document = await arrived(BIG.toString('base64'), 65_536)
    expect(readdirSync(store.where).length).to.equal(1)
    await document.discard()
    expect(readdirSync(store.where)).to.deep.equal([])
  })

  it('may have its slashes escaped', async () => {
    const bytes = Buffer.from(JSON.stringify({ ...JSON.parse(resource(3).toString()), note: '???>>>~~~'.repeat(9) }))
    const text = bytes.toString('base64')
    expect(text).to.include('/')
    for (const portion of [1, 2, 3, 4, 5, 6, 7]) {
      const document = await arrived(text.replaceAll('/', '\\/'), portion)
      expect(document.read().resourceId).to.equal(resourceIdOf(bytes))
    }
  })

  const good = resource(3).toString('base64')
  const REFUSED: readonly (readonly [what: string, text: string, why: RegExp])[] = [
    ['other characters', `${good.slice(0, 40)}*${good.slice(41)}`, /^not base64$/],
    ['blanks', `${good.slice(0, 40)} ${good.slice(40)}`, /^not base64$/],
    ['the alphabet of URLs', `${good.slice(0, 40)}-_${good.slice(42)}`, /^not base64$/],
    ['padding in between', `${good.slice(0, 40)}==${good.slice(42)}`, /^not base64$/],
    ['too much padding', `${good.replace(/=+$/, '')}===`, /^not base64$/],
    ['a character alone', `${Buffer.from('{} ').toString('base64')}A`, /^not base64$/],
    [
      'a document that is not JSON',
      Buffer.from('{"c1out":[1,]}').toString('base64'),
      /^not JSON: unexpected "]" at byte 12$/,
    ],
    ['half a document', resource(3).subarray(0, 90).toString('base64'), /^not JSON: it ends too early/],
    ['nothing', '', /^not JSON: it ends too early/],
    ['another value', Buffer.from('[]').toString('base64'), /^expected an object with the output of C1$/],
    [
      'a document without a seed',
      Buffer.from(
        JSON.stringify({ prover_id: Array(32).fill(0), sector_id: 1, c1out: { ...c1out(), seed: undefined } }),
      ).toString('base64'),
      /^missing field `seed`$/,
    ],
    [
      'a seed of 31 bytes',
      Buffer.from(
        JSON.stringify({ prover_id: Array(32).fill(0), sector_id: 1, c1out: { ...c1out(), seed: Array(31).fill(0) } }),
      ).toString('base64'),
      /^c1out\.seed: expected 32 bytes/,
    ],
    [
      'a seed that is not of bytes',
      Buffer.from(
        JSON.stringify({
          prover_id: Array(32).fill(0),
          sector_id: 1,
          c1out: { ...c1out(), seed: Array(32).fill(256) },
        }),
      ).toString('base64'),
      /^c1out\.seed: expected 32 bytes/,
    ],
  ]
  for (const [what, text, why] of REFUSED)
    it(`is refused for ${what}`, async () => {
      expect(await refusal(text)).to.match(why)
    })
})
