import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import type { CID } from 'multiformats/cid'
import type { SectorUnsealInfo } from '../../../../rpc-schema/manager/unseal.js'
import { proverId } from '../../../../rpc-schema/processor/sector.js'
import { RpcError } from '../../../../rpc-schema/rpc/error.js'
import { WorkerBench } from '../support/bench.js'
import { fakePieceCid } from '../support/fake-prover.js'
import { PieceServer, refuse } from '../support/piece-server.js'

const SECTOR = { Miner: 10_000, Number: 9 }
const CONTENT = Buffer.from(Array.from({ length: 2032 }, (_, index) => (index * 7) % 251))
const OFFSET = 508
const PIECE = CONTENT.subarray(OFFSET, OFFSET + 508)

const task = (cid: CID, changes: Partial<SectorUnsealInfo> = {}): SectorUnsealInfo => ({
  Sector: { ID: SECTOR, ProofType: 5 },
  PieceCid: cid,
  Offset: OFFSET,
  Size: PIECE.length,
  PrivateInfo: { AccessInstance: 'persist1' },
  Ticket: { Ticket: new Uint8Array(32).fill(3), Epoch: 77 },
  CommD: new Uint8Array(32).fill(4),
  Dest: [],
  State: 'unsealing',
  ErrorInfo: '',
  ...changes,
})

describe('unseal plan', () => {
  let bench: WorkerBench
  let server: PieceServer
  const cid = fakePieceCid(PIECE)

  beforeEach(async () => {
    bench = await WorkerBench.make()
    bench.plan = 'unseal'
    bench.sealing = 'seal_interval = "1000h"\nmax_retries = 2'
    server = await PieceServer.start()
    bench.processors.unsealed.set(SECTOR.Number, CONTENT)
    for (const file of ['sealed/s-t010000-9', 'cache/s-t010000-9/p_aux']) {
      await mkdir(dirname(join(bench.persist, file)), { recursive: true })
      await writeFile(join(bench.persist, file), 'as sealed')
    }
    bench.manager.unsealTasks.push(task(cid))
    bench.manager.destinations = [`http://${server.host}/pieces/${cid}`]
  })
  afterEach(async () => {
    await bench.close()
    await server.close()
  })

  const finished = () => bench.until(() => bench.manager.called('ReportFinalized').length > 0, 'the end of the task')
  const paused = () => bench.until(() => bench.threads[0]!.thread_state.state === 'Paused', 'a pause')
  const lastError = () => bench.threads[0]!.last_error ?? ''
  const record = async () => JSON.parse(await readFile(join(bench.store, 'meta/info.json'), 'utf8'))

  it('unseals the piece, sends it, and tells the manager, in this order', async () => {
    await bench.start()
    await finished()
    expect(
      bench.manager.calls
        .filter(({ method }) => method !== 'WorkerPing')
        .map(({ method, params }) =>
          method === 'ReportState' ? `${method} ${params[1].StateChange.Prev} ${params[1].StateChange.Next}` : method,
        ),
    ).to.deep.equal([
      'StoreBasicInfo',
      'AllocateUnsealSector',
      'ReportState Empty Allocated',
      'AcquireUnsealDest',
      'AchieveUnsealSector',
      'ReportState Allocated Unsealed',
      'ReportState Unsealed Finished',
      'ReportFinalized',
    ])
    expect(bench.manager.called('AllocateUnsealSector')[0]!.params).to.deep.equal([
      { AllowedMiners: [], AllowedProofTypes: [5, 10, 15], Upgraded: true },
    ])
    expect(bench.manager.called('AchieveUnsealSector')[0]!.params).to.deep.equal([SECTOR, cid, ''])
    expect(bench.processors.limits).to.deep.equal(['unseal', 'transfer'])
    expect(bench.processors.ran('unseal')[0]!.task).to.deep.include({
      registered_proof: 5,
      sector_id: 9,
      offset: OFFSET,
      num_bytes: 508,
      ticket: new Uint8Array(32).fill(3),
      comm_d: new Uint8Array(32).fill(4),
      sealed_file: join(bench.persist, 'sealed/s-t010000-9'),
      cache_dir: join(bench.persist, 'cache/s-t010000-9'),
      unsealed_output: join(bench.store, 'data/unsealed', cid.toString()),
    })
    const [put] = server.received
    expect(put).to.deep.include({ method: 'PUT', url: `/pieces/${cid}`, body: PIECE })
    expect(put!.headers).to.include({ 'content-length': '508' })
    await bench.settle(() => bench.threads[0]!.job_id === null)
    expect(await readdir(join(bench.store, 'data'))).to.deep.equal([])
  })

  it('shows its stages', async () => {
    const stages = new Set<string | null>()
    bench.processors.gate(() => void stages.add(bench.threads[0]!.job_stage))
    server.script((request, response) => {
      stages.add(bench.threads[0]!.job_stage)
      expect(bench.threads[0]!.thread_state).to.include({ state: 'Running', proc: 'builtin Upload' })
      request.resume().on('end', () => response.end())
    })
    await bench.start()
    await finished()
    expect([...stages]).to.deep.equal(['Unseal', 'UploadPiece'])
  })

  it('reads a store that is read-only', async () => {
    bench.persistKeys = 'readonly = true'
    await bench.start()
    await finished()
    expect(server.received[0]!.body.equals(PIECE)).to.equal(true)
  })

  it('asks on when there is no task', async () => {
    const [waiting] = bench.manager.unsealTasks.splice(0)
    bench.manager.script('AllocateUnsealSector', () => {
      throw new RpcError(1, 'sector is not offline')
    })
    await bench.start()
    await bench.until(() => bench.manager.called('AllocateUnsealSector').length === 3)
    bench.manager.unsealTasks.push(waiting!)
    await finished()
  })

  describe('destinations', () => {
    it('a market is given the piece as its resource, with the token', async () => {
      bench.manager.destinations = [`market://hot/${cid}?host=${server.host}&scheme=http&token=a.b-c`]
      await bench.start()
      await finished()
      const [put] = server.received
      expect(put!.url).to.equal(`/resource?resource-id=${cid}&store=hot`)
      expect(put!.headers.authorization).to.equal('Bearer a.b-c')
      expect(put!.body.equals(PIECE)).to.equal(true)
    })

    it('a file is written', async () => {
      const path = join(bench.dir, 'out dir', 'piece')
      bench.manager.destinations = [new URL(`file://${path}`).href]
      await bench.start()
      await finished()
      expect((await readFile(path)).equals(PIECE)).to.equal(true)
    })

    it('an attached store takes the piece by the transfer stage', async () => {
      bench.manager.destinations = [`store://persist1/pieces/${cid}`]
      await bench.start()
      await finished()
      const path = join(bench.persist, 'pieces', cid.toString())
      expect((await readFile(path)).equals(PIECE)).to.equal(true)
      expect(bench.processors.ran('transfer')[0]!.task).to.deep.equal({
        stores: { persist1: { name: 'persist1', meta: {} } },
        routes: [
          {
            src: { store_name: null, uri: join(bench.store, 'data/unsealed', cid.toString()) },
            dest: { store_name: 'persist1', uri: path },
            opt: null,
          },
        ],
      })
      expect(bench.manager.called('StoreBasicInfo').map(call => call.params)).to.deep.equal([
        ['persist1'],
        ['persist1'],
      ])
    })

    it('a store without a name is the piece store of the manager, which is told who comes', async () => {
      bench.manager.destinations = [`store:///${cid}`]
      const kept = bench.manager.pieces
      await bench.start()
      await finished()
      expect(kept.get(cid.toString())!.equals(PIECE)).to.equal(true)
      expect(bench.manager.pieceStoreTokens).to.deep.equal(['Bearer bench'])
    })

    const REFUSED: readonly [name: string, destination: string, error: RegExp][] = [
      [
        'an unknown scheme',
        'ftp://host/x',
        /ftp:\/\/host\/x is no destination .* unknown scheme ftp .*accepted: http\(s\).*store:\/\/\/PIECE/,
      ],
      ['no URL', 'nowhere', /… is no destination for a piece: not a URL/],
      ['a file of another host', 'file://host/x', /a file is local/],
      ['a market without a host', 'market://s/cid?token=geheim', /it lacks host=/],
      [
        'a store that is not attached',
        'store://elsewhere/x',
        /the store "elsewhere" is not attached to this worker \(attached: persist1\)/,
      ],
      ['a path that leaves the store', 'store://persist1/%2e%2e%2Fx', /the path leaves the store/],
    ]
    for (const [name, destination, error] of REFUSED) {
      it(`${name} pauses the thread and says why`, async () => {
        bench.manager.destinations = [destination]
        await bench.start()
        await paused()
        expect(lastError()).to.match(/^permanent: upload to /)
        expect(lastError()).to.match(error)
        expect(lastError()).not.to.contain('geheim')
      })
    }

    it('a store attached read-only takes nothing', async () => {
      bench.persistKeys = 'readonly = true'
      bench.manager.destinations = [`store://persist1/x`]
      await bench.start()
      await paused()
      expect(lastError()).to.contain('the store persist1 is attached read-only')
    })

    it('the others get the piece although one is refused, and none gets it twice', async () => {
      const good = bench.manager.destinations[0]!
      bench.manager.destinations = ['ftp://host/x', good, good]
      await bench.start()
      await paused()
      expect(server.received).to.have.length(1)
      bench.manager.destinations = [good]
      await bench.thread.resume()
      await finished()
      expect(server.received).to.have.length(1)
    })
  })

  describe('a server that', () => {
    it('answers 500 is asked again', async () => {
      server.script(refuse(500, 'disk full'))
      await bench.start()
      await bench.settle(() => lastError() !== '')
      expect(lastError()).to.match(/^temporary: upload to http:.*: status 500: disk full$/)
      await finished()
      expect(server.received).to.have.length(2)
      expect(server.received[1]!.body.equals(PIECE)).to.equal(true)
    })

    it('answers 500 without reading is asked again', async () => {
      server.script((_, response) => void response.writeHead(507, { connection: 'close' }).end('full'))
      await bench.start()
      await finished()
      expect(server.received).to.have.length(2)
    })

    it('goes on refusing pauses the thread', async () => {
      server.script(refuse(503), refuse(503), refuse(503))
      await bench.start()
      await paused()
      expect(lastError()).to.match(/^permanent: still failing after 2 retries: .*status 503$/)
    })

    it('is a market and refuses pauses the thread at once; the token is not shown', async () => {
      bench.manager.destinations = [`market://hot/${cid}?host=${server.host}&scheme=http&token=top.secret`]
      server.script(refuse(403, 'token top.secret is not known'))
      await bench.start()
      await paused()
      expect(lastError()).to.match(
        /^permanent: upload to market:\/\/hot\/.*\?…: status 403: token \*\*\* is not known$/,
      )
      const reported = JSON.stringify(bench.manager.sector(SECTOR.Number).reports)
      expect(`${reported} ${JSON.stringify(await record())}`).not.to.contain('top.secret')
    })

    it('is not there is asked again', async () => {
      const { host } = server
      await server.close()
      bench.manager.destinations = [`http://user:geheim@${host}/x?sig=geheim`]
      await bench.start()
      await paused()
      expect(lastError()).to.match(/ECONNREFUSED/)
      expect(lastError()).not.to.contain('geheim')
      server = await PieceServer.start()
    })

    it('stalls is given up after a while and asked again', async () => {
      let stalled = false
      server.script(() => {
        stalled = true
      })
      await bench.start()
      await bench.settle(() => stalled)
      bench.clock.advance(5 * 60_000)
      await bench.settle(() => lastError() !== '')
      expect(lastError()).to.contain('the server took nothing for 300 s')
      await finished()
      expect(server.received).to.have.length(2)
    })
  })

  describe('what comes out', () => {
    it('must be the piece', async () => {
      bench.processors.unsealed.set(SECTOR.Number, Buffer.alloc(2032, 1))
      await bench.start()
      await paused()
      expect(lastError()).to.contain(`is not the piece ${cid}`)
      expect(server.received).to.deep.equal([])
      bench.processors.unsealed.set(SECTOR.Number, CONTENT)
      await bench.thread.resume()
      await finished()
    })

    it('must have the size', async () => {
      bench.processors.unsealed.set(SECTOR.Number, CONTENT.subarray(0, OFFSET + 400))
      await bench.start()
      await paused()
      expect(lastError()).to.match(/unseal wrote 400 bytes, .* has 400, expected 508/)
    })

    it('is checked by its size alone when a part of a piece is asked for', async () => {
      bench.manager.unsealTasks[0] = task(cid, { Size: 300 })
      await bench.start()
      await finished()
      expect(server.received[0]!.body.equals(PIECE.subarray(0, 300))).to.equal(true)
      expect(bench.prover.calls).to.deep.equal([])
    })
  })

  it('needs the store that holds the sector', async () => {
    bench.manager.unsealTasks[0] = task(cid, { PrivateInfo: { AccessInstance: 'persist9' } })
    await bench.start()
    await paused()
    expect(lastError()).to.contain('the store "persist9", which is not attached to this worker (attached: persist1)')
    expect(bench.processors.calls).to.deep.equal([])
  })

  it('a task given up is told to the manager as failed, and its sector is not aborted', async () => {
    bench.manager.destinations = ['ftp://host/x']
    await bench.start()
    await paused()
    await bench.thread.resume('Aborted')
    await finished()
    expect(bench.manager.achieved.get(cid.toString())).to.equal('aborted by the operator')
    expect(bench.manager.called('ReportAborted')).to.deep.equal([])
  })

  it('a new plan in the settings does not displace a task that was taken', async () => {
    await rm(join(bench.persist, 'sealed'), { recursive: true })
    await bench.start()
    await paused()
    await mkdir(join(bench.persist, 'sealed'))
    await writeFile(join(bench.persist, 'sealed/s-t010000-9'), 'as sealed')
    await writeFile(join(bench.store, 'config.toml'), 'plan = "sealer"')
    await bench.thread.resume()
    await finished()
    expect(bench.manager.achieved.get(cid.toString())).to.equal('')
  })

  describe('of an upgraded sector', () => {
    const Upgrade = { CommROld: new Uint8Array(32).fill(5), CommDNew: new Uint8Array(32).fill(6) }
    const replica = () => join(bench.persist, 'update/s-t010000-9')

    beforeEach(async () => {
      // What the upgrade leaves: the files from before are deleted.
      for (const name of ['sealed', 'cache']) await rm(join(bench.persist, name), { recursive: true })
      await mkdir(dirname(replica()), { recursive: true })
      await writeFile(replica(), 'as upgraded')
      bench.manager.unsealTasks[0] = task(cid, { Upgrade })
    })

    it('is read from the replica of the upgrade, checked and sent', async () => {
      await bench.start()
      await finished()
      expect(bench.processors.ran('unseal')).to.deep.equal([])
      expect(bench.processors.limits).to.deep.equal(['unseal', 'transfer'])
      expect(bench.processors.ran('snap_decode').map(call => call.task)).to.deep.equal([
        {
          registered_proof: 5,
          prover_id: proverId(SECTOR.Miner),
          sector_id: 9,
          comm_d_old: new Uint8Array(32).fill(4),
          comm_r_old: Upgrade.CommROld,
          ticket: new Uint8Array(32).fill(3),
          comm_d_new: Upgrade.CommDNew,
          new_replica_path: replica(),
          unsealed_output: join(bench.store, 'data/unsealed', cid.toString()),
          offset: OFFSET,
          num_bytes: 508,
        },
      ])
      expect(server.received[0]!.body.equals(PIECE)).to.equal(true)
      expect(bench.manager.achieved.get(cid.toString())).to.equal('')
    })

    it('is not sent when it is not the piece', async () => {
      bench.processors.unsealed.set(SECTOR.Number, Buffer.alloc(2032, 1))
      await bench.start()
      await paused()
      expect(lastError()).to.match(/is not the piece .* still as it was upgraded\?/)
      expect(server.received).to.deep.equal([])
    })

    for (const when of ['before', 'after'] as const) {
      it(`goes on when the worker is started again, cut off ${when} decoding`, async () => {
        let reached = false
        bench.processors.gate(({ stage }, at) => {
          if (stage !== 'snap_decode' || at !== when) return
          reached = true
          return new Promise(() => {})
        })
        await bench.start()
        await bench.until(() => reached)
        await bench.stop()
        bench.processors.gate(undefined)
        await bench.start()
        await finished()
        expect(bench.processors.ran('snap_decode')).to.have.length(1)
        expect(bench.processors.ran('snap_decode')[0]!.task).to.deep.include({ comm_r_old: Upgrade.CommROld })
        expect(server.received.map(put => put.body.equals(PIECE))).to.deep.equal([true])
      })
    }
  })

  describe('started again', () => {
    /** Holds one call or upload, stops the worker there, and starts it again. */
    async function cut(hold: (held: () => Promise<void>) => void): Promise<void> {
      let reached = false
      hold(() => {
        reached = true
        return new Promise(() => {})
      })
      await bench.start()
      await bench.until(() => reached)
      await bench.stop()
      bench.manager.gate(undefined)
      bench.processors.gate(undefined)
      await bench.start()
    }

    it('between two uploads sends only what was not sent', async () => {
      bench.manager.destinations = [`http://${server.host}/one`, `http://${server.host}/two`]
      let held = (): Promise<void> => Promise.resolve()
      server.script(
        (request, response) => void request.resume().on('end', () => response.end()),
        () => held(),
      )
      await cut(hold => {
        held = hold
      })
      await finished()
      expect(server.received.map(put => put.url)).to.deep.equal(['/one', '/two', '/two'])
    })

    it('after unsealing does not unseal again', async () => {
      await cut(held =>
        bench.processors.gate((call, when) => (call.stage === 'unseal' && when === 'after' ? held() : undefined)),
      )
      await finished()
      expect(bench.processors.ran('unseal')).to.have.length(1)
      expect(server.received[0]!.body.equals(PIECE)).to.equal(true)
    })

    it('with a broken piece unseals again', async () => {
      await cut(held =>
        bench.processors.gate(async (call, when) => {
          if (call.stage !== 'unseal' || when !== 'after') return
          await writeFile(call.task.unsealed_output, Buffer.alloc(508))
          await held()
        }),
      )
      await finished()
      expect(bench.processors.ran('unseal')).to.have.length(2)
      expect(server.received[0]!.body.equals(PIECE)).to.equal(true)
    })

    it('after the manager was told ends the task, although the manager has forgotten it', async () => {
      await cut(held =>
        bench.manager.gate((call, when) =>
          call.method === 'AchieveUnsealSector' && when === 'after' ? held() : undefined,
        ),
      )
      const forgotten = (): never => {
        throw new RpcError(1, 'achieve unseal info: task not found')
      }
      bench.manager.script('AchieveUnsealSector', forgotten, forgotten, forgotten)
      await finished()
      expect(server.received).to.have.length(1)
      expect(bench.manager.called('AcquireUnsealDest')).to.have.length(1)
    })
  })
})
