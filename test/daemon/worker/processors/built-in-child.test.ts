import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect } from 'chai'
import { DEFAULT_CHILD } from '../../../../daemon/worker/processors/processors.js'
import { proverId } from '../../../../rpc-schema/processor/sector.js'
import { sealProofByName } from '../../../../rpc-schema/wire/proof-types.js'
import { OpenProcessors } from './scripted.js'

describe('an entry without bin', () => {
  const open = new OpenProcessors()
  let directory: string

  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'sealyard-built-in-'))
  })

  afterEach(async () => {
    await open.closeAll()
    await rm(directory, { recursive: true, force: true })
  })

  const route = (src: string, dest: string) => ({
    src: { store_name: null, uri: src },
    dest: { store_name: null, uri: dest },
    opt: { is_dir: false, allow_link: true },
  })

  it('S004-76 S004-77: starts the built-in processor of its stage', async () => {
    const processors = open.create({ children: { transfer: [DEFAULT_CHILD] } })
    const [src, dest] = [path.join(directory, 'src'), path.join(directory, 'store', 'dest')]
    await writeFile(src, 'replica')
    let shown = ''
    const onStart = (name: string): void => {
      shown = name
    }
    expect(await processors.run('transfer', { stores: {}, routes: [route(src, dest)] }, { onStart })).to.equal(true)
    expect(await readFile(dest, 'utf8')).to.equal('replica')
    expect(shown).to.match(/^ext\(pid: \d+\)$/)
  })

  it('S000-35: takes flags, those that only older processors knew too, and errors keep their class on the way back', async () => {
    const args = ['processor', 'transfer', '--sector_size', '32GiB', '--disable_link', '--whatever=1']
    const processors = open.create({ children: { transfer: [{ ...DEFAULT_CHILD, args }] } })
    const [src, dest] = [path.join(directory, 'src'), path.join(directory, 'dest')]
    const task = { stores: {}, routes: [route(src, dest)] }
    const error = await processors.run('transfer', task).catch(failure => failure)
    expect([error.code, error.class, error.message]).to.deep.equal([
      'failed',
      'permanent',
      `src path not exists: ${src}`,
    ])

    await writeFile(src, 'replica')
    await processors.run('transfer', task)
    await writeFile(src, 'changed')
    expect(await readFile(dest, 'utf8'), 'a copy, no link').to.equal('replica')
  })

  it('computes a real PC1 in a process of its own', async function () {
    this.timeout(60_000)
    const processors = open.create({ children: { add_pieces: [DEFAULT_CHILD], pc1: [DEFAULT_CHILD] } })
    const at = (name: string): string => path.join(directory, name)
    await mkdir(at('cache'))
    await writeFile(at('sealed'), '')
    const proof = sealProofByName('StackedDrg2KiBV1_1').number
    const pieces = await processors.run('add_pieces', {
      seal_proof_type: proof,
      pieces: [],
      staged_filepath: at('unsealed'),
    })
    const task = {
      registered_proof: proof,
      prover_id: proverId(10_000),
      sector_id: 77,
      ticket: new Uint8Array(32).fill(1, 0, 31),
      cache_path: at('cache'),
      in_path: at('unsealed'),
      out_path: at('sealed'),
      piece_infos: pieces,
    }
    const output = await processors.run('pc1', task)
    expect(output.registered_proof).to.equal('StackedDrg2KiBV1_1')
    expect(output.comm_d).to.deep.equal([...pieces[0]!.commitment])
    expect(await readdir(at('cache'))).to.include('sc-02-data-layer-2.dat')
    const error = await processors.run('pc1', { ...task, out_path: at('elsewhere') }).catch(failure => failure)
    expect(error.message).to.contain(at('elsewhere'))
  })
})
