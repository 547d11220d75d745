import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { generateTreeD, generatorCommand } from '../../../../daemon/worker/cli/generator.js'
import { toHex } from '../../../../rpc-schema/wire/bytes.js'
import { zeroPieceCommitment } from '../../../../rpc-schema/wire/piece.js'

describe('generator tree-d', () => {
  let dir: string

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'tree-d-'))
  })
  afterEach(() => rm(dir, { recursive: true, force: true }))

  it('makes the tree of an empty sector, whose root is the commitment of its data', async () => {
    const path = await generateTreeD(2_048, join(dir, 'new', 'place'))
    expect(await readdir(join(dir, 'new', 'place'))).to.deep.equal(['sc-02-data-tree-d.dat'])
    const tree = await readFile(path)
    expect(tree.length).to.equal((2 * 64 - 1) * 32)
    expect(toHex(Uint8Array.from(tree.subarray(-32)))).to.equal(toHex(zeroPieceCommitment(2_048)))
  }).timeout(60_000)

  it('makes an old one anew', async () => {
    await writeFile(join(dir, 'sc-02-data-tree-d.dat'), 'rubbish')
    expect((await readFile(await generateTreeD(2_048, dir))).length).to.be.greaterThan(1_000)
  }).timeout(60_000)

  it('takes only sizes that sectors have', async () => {
    for (const size of ['3KiB', 'much', '2KB']) {
      const command = generatorCommand()
      for (const sub of command.commands) sub.exitOverride().configureOutput({ writeErr: () => {} })
      const code = await command.parseAsync(['tree-d', '-s', size, '-p', dir], { from: 'user' }).then(
        () => 'done',
        (error: { code: string }) => error.code,
      )
      expect(code, size).to.equal('commander.invalidArgument')
    }
    expect(await readdir(dir)).to.deep.equal([])
  })
})
