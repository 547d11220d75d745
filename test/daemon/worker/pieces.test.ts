import { lstat, mkdir, readlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { commDToCid } from '../../../rpc-schema/wire/cid.js'
import { zeroPieceCid } from '../../../rpc-schema/wire/piece.js'
import { WorkerBench } from './support/bench.js'
import { deal } from './support/deals.js'

const PIECE = commDToCid(new Uint8Array(32).fill(9))
const OTHER = commDToCid(new Uint8Array(32).fill(8))

describe('pieces of a sector', () => {
  let bench: WorkerBench

  beforeEach(async () => {
    bench = await WorkerBench.make()
  })
  afterEach(() => bench.close())

  const finished = () => bench.until(() => bench.manager.sectors.size > 0 && bench.manager.sector(1).finalized)
  const asked = () => bench.processors.ran('add_pieces')[0]!.task.pieces

  it('come from the manager, fillers are zeros', async () => {
    bench.manager.deals = [deal(PIECE, { AllocationID: 5 }), deal(zeroPieceCid(1_024), { DealID: 7 })]
    await bench.start()
    await finished()
    expect(asked()).to.deep.equal([
      { piece_file: { url: `${bench.manager.address}/piecestore/${PIECE}` }, payload_size: 1_000, piece_size: 1_016 },
      { piece_file: 'pledge', payload_size: 0, piece_size: 1_016 },
    ])
  })

  it('the id that counts is told by IsBuiltinMarket; no deal info is a filler', async () => {
    bench.manager.deals = [
      deal(PIECE, { DealID: 7, IsBuiltinMarket: true }),
      { Piece: { Size: 1_024, PieceCID: zeroPieceCid(1_024) }, DealInfo: null },
    ]
    await bench.start()
    await finished()
    expect(asked()[0].piece_file).to.have.property('url')
    expect(asked()[1].piece_file).to.equal('pledge')
  })

  it('S004-19, S004-20: local files come first, with or without .car', async () => {
    const pieces = join(bench.dir, 'pieces')
    await mkdir(join(pieces, `${PIECE}`), { recursive: true })
    await writeFile(join(pieces, `${PIECE}.car`), 'x')
    bench.manager.deals = [deal(PIECE, { AllocationID: 5 }), deal(OTHER, { AllocationID: 6 })]
    bench.localPieces = [join(bench.dir, 'none'), pieces]
    await bench.start()
    await finished()
    expect(asked()[0].piece_file).to.deep.equal({ local: join(pieces, `${PIECE}.car`) })
    expect(asked()[1].piece_file).to.have.property('url')
  })

  it('that are not the data of their deals are not sealed', async () => {
    bench.manager.deals = [deal(PIECE, { AllocationID: 5 })]
    bench.processors.gate(({ stage, task }, when) => {
      if (stage === 'add_pieces' && when === 'before') task.pieces[0].piece_file = { local: `/x/${OTHER}` }
    })
    await bench.start()
    await bench.until(() => bench.threads[0]!.thread_state.state === 'Paused')
    expect(bench.threads[0]!.last_error).to.contain(`piece 0 is not the data of its deal: ${PIECE}`)
  })

  it('S004-70: an empty sector uses the static tree, one with deals does not', async () => {
    const tree = join(bench.dir, 'tree.dat')
    await writeFile(tree, 'zeros')
    bench.more = `[processors.static_tree_d]\n2KiB = "${tree}"`
    bench.sealing = 'seal_interval = "1s"'
    let linked: string | undefined
    bench.processors.gate(async ({ stage, task }, when) => {
      if (stage !== 'pc1' || when !== 'before' || linked !== undefined) return
      const prepared = await readlink(join(task.cache_path, 'sc-02-data-tree-d.dat'))
      linked = (await lstat(prepared)).isSymbolicLink() ? await readlink(prepared) : prepared
      bench.manager.deals = [deal(PIECE, { AllocationID: 5 })]
    })
    await bench.start()
    await finished()
    expect(linked).to.equal(tree)
    expect(bench.processors.ran('tree_d')).to.have.length(0)
    await bench.until(() => bench.manager.sectors.size > 1 && bench.manager.sector(2).finalized)
    expect(bench.processors.ran('tree_d')).to.have.length(1)
  })
})
