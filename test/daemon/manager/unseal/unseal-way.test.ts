import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { gatewayService } from '../../../../rpc-schema/chain/gateway.js'
import { MARKET_EVENT, type RequestEvent, type ResponseEvent } from '../../../../rpc-schema/chain/market.js'
import { managerService } from '../../../../rpc-schema/manager/index.js'
import type { SectorState } from '../../../../rpc-schema/manager/sector-state.js'
import { UNSEAL_STATE } from '../../../../rpc-schema/manager/unseal.js'
import { rpcClient } from '../../../../rpc-schema/rpc/client.js'
import { type Connection, connectRpc } from '../../../../rpc-schema/rpc/connection.js'
import { ValueQueue } from '../../../../rpc-schema/rpc/value-queue.js'
import { eventually } from '../../../harness/eventually.js'
import { onEachDatabase } from '../../../harness/on-each-database.js'
import { type Outcome, runManagerCli } from '../../../harness/run-manager-cli.js'
import { scriptedService } from '../../../harness/scripted-service.js'
import { ANY_SECTOR, finishedSector, stepReport } from '../finished-sector.js'
import { ManagerBench, MINER } from '../manager-bench.js'

const LIMIT_MS = 20_000
const SIZE = 2032
const CONTENT = Uint8Array.from({ length: SIZE }, (_, at) => at % 251)

onEachDatabase('manager: the way of an unsealed piece', database => {
  let bench: ManagerBench
  let record: SectorState
  let gateway: Awaited<ReturnType<typeof scriptedService>>
  let socket: Connection
  let dir: string
  const answers: ResponseEvent[] = []
  const streams: ValueQueue<RequestEvent>[] = []

  before(async function () {
    this.timeout(60_000)
    dir = mkdtempSync(join(tmpdir(), 'unseal-way-'))
    mkdirSync(join(dir, 'pieces'))
    gateway = await scriptedService(
      gatewayService,
      {
        ListenMarketEvent: ({ Miner }, { signal }) => {
          expect(Miner.id).to.equal(MINER)
          const events = new ValueQueue<RequestEvent>()
          signal.addEventListener('abort', () => events.end())
          events.push({ Id: 'hello', Method: MARKET_EVENT.initConnect, Payload: new TextEncoder().encode('{}') })
          streams.push(events)
          return events
        },
        ResponseMarketEvent: answer => void answers.push(answer),
      },
      '/rpc/v2',
    )
    const commonConfig = `[[Common.PieceStores]]\nName = "pieces"\nPath = "${join(dir, 'pieces')}"\n`
    bench = new ManagerBench({
      database: await database.fresh(),
      deals: true,
      commonConfig,
      messager: true,
      gateways: [gateway.url],
    })
    await bench.start()
    await bench.admin.ImportDeal({ Miner: MINER, Data: new Uint8Array(1900).fill(5) })
    record = await finishedSector(bench, { deals: true })
    socket = connectRpc(`ws://${bench.manager.address}`, { path: '/rpc/v0' })
  })
  after(async () => {
    await socket?.close()
    await bench?.stop()
    await gateway?.close()
    rmSync(dir, { recursive: true, force: true })
  })

  const pieceCid = () => record.Pieces![0]!.Piece.PieceCID
  const util = (...args: string[]): Promise<Outcome> =>
    runManagerCli('util', '--listen', bench.manager.address, 'sealer', 'sectors', ...args)

  /** What a worker with the plan `unseal` does. */
  async function work(error = ''): Promise<string[]> {
    const { api } = bench
    const task = await eventually(
      'a task',
      LIMIT_MS,
      async () => (await api.AllocateUnsealSector(ANY_SECTOR)) ?? undefined,
    )
    const { ID } = task.Sector
    expect(task).to.deep.include({ Offset: 0, Size: SIZE, PrivateInfo: { AccessInstance: 'persist' } })
    await api.ReportState(ID, stepReport('w'))
    const dests = (await api.AcquireUnsealDest(ID, task.PieceCid))!
    for (const dest of error === '' ? dests : []) {
      if (!dest.startsWith('store:///')) continue
      const url = `http://${bench.manager.address}/piecestore/${dest.slice('store:///'.length)}`
      expect((await fetch(url, { method: 'PUT', body: CONTENT })).status).to.equal(200)
    }
    await api.AchieveUnsealSector(ID, task.PieceCid, error)
    await api.ReportFinalized(ID)
    return dests
  }

  it('from the command to a file: the sector is found by the piece, the place by the record', async function () {
    this.timeout(60_000)
    const output = join(dir, 'out')
    const [outcome] = await Promise.all([util('unseal', pieceCid().toString(), '-o', output), work()])
    expect(outcome.stderr).to.equal('')
    expect(outcome.stdout).to.include(`set task for unseal success:\npiece cid: ${pieceCid()}\noffset: 0\nsize: 2048`)
    expect(new Uint8Array(readFileSync(output))).to.deep.equal(CONTENT)
    expect((await bench.api.FindSector('offline', record.ID))!.Unsealing).to.equal(false)
  })

  it('a part of it is written when only that is asked for; a failure leaves no file', async function () {
    this.timeout(60_000)
    const output = join(dir, 'part')
    const args = [
      'unseal',
      pieceCid().toString(),
      '-o',
      output,
      '--miner',
      `t0${MINER}`,
      '--sector',
      `${record.ID.Number}`,
    ]
    const [failed] = await Promise.all([util(...args), work('disk full')])
    expect(failed.code).to.equal(1)
    expect(failed.stderr).to.include('ended the stream early')
    expect(() => readFileSync(output)).to.throw()
    const [outcome] = await Promise.all([util(...args, '--payload-size', '1000'), work()])
    expect(outcome.code).to.equal(0)
    expect(readFileSync(output)).to.have.length(1000)
  })

  it('to a destination: the command only sets the task', async function () {
    this.timeout(60_000)
    const outcome = await util('unseal', pieceCid().toString(), '--dest', 'file:///tmp/there')
    expect(outcome.code).to.equal(0)
    const queue = (...args: string[]): Promise<Outcome> =>
      runManagerCli('util', '--listen', bench.manager.address, 'sealer', 'queue', ...args)
    expect(JSON.parse((await queue('unseal', '--json')).stdout)[0]).to.deep.include({
      Sector: record.ID,
      State: UNSEAL_STATE.setUp,
      Dest: ['file:///tmp/there'],
      Worker: null,
    })
    expect((await queue('unseal')).stdout).to.include('file:///tmp/there')
    expect((await queue('snapup')).stdout).to.equal('nothing\n')
    expect((await queue('rebuild')).stdout).to.equal('nothing\n')
    expect(await work()).to.deep.equal(['file:///tmp/there'])
    const again = await util('unseal', pieceCid().toString(), '--dest', 'file:///tmp/there')
    expect(again.stderr).to.include('has been done')
    const wrong = await util('unseal', pieceCid().toString(), '--dest', 'ftp://h/p')
    expect(wrong.stderr).to.include('unknown scheme ftp')
    expect((await util('unseal', pieceCid().toString(), '--miner', '1000')).stderr).to.include('must be set together')
  })

  it('out of an unsealed sector that is here, without the manager', async function () {
    this.timeout(60_000)
    const file = join(dir, 'unsealed-sector')
    writeFileSync(
      file,
      new Uint8Array(2048).fill(0xff).map((byte, at) => (at % 32 === 31 ? byte & 0x3f : byte)),
    )
    const output = join(dir, 'cut')
    const outcome = await util('unseal', pieceCid().toString(), '--unseal-file', file, '-o', output)
    expect(outcome.stderr).to.equal('')
    expect(readFileSync(output).equals(Buffer.alloc(SIZE, 0xff))).to.equal(true)
  })

  it('a stream ends with an empty value, and only then it is whole', async function () {
    this.timeout(60_000)
    const api = rpcClient(managerService, socket)
    const stream = await api.UnsealPiece(record.ID, pieceCid(), 0, SIZE, '')
    await work()
    const chunks: Uint8Array[] = []
    for await (const chunk of stream) chunks.push(chunk)
    expect(chunks.map(chunk => chunk.length)).to.deep.equal([SIZE, 0])
  })

  it('asked for by the market: set, told how far it is, told once that it is done; also after the gateway was away', async function () {
    this.timeout(60_000)
    const stream = () => eventually('the manager listens', LIMIT_MS, () => streams.at(-1))
    let asked = 0
    const ask = async (change: object = {}): Promise<ResponseEvent> => {
      const Id = `ask-${asked++}`
      const request = {
        PieceCid: { '/': pieceCid().toString() },
        Miner: `t0${MINER}`,
        Sid: record.ID.Number,
        Offset: 0,
        Size: SIZE,
        Dest: 'http://127.0.0.1:9/piece',
        ...change,
      }
      ;(await stream()).push({
        Id,
        Method: MARKET_EVENT.sectorsUnsealPiece,
        Payload: new TextEncoder().encode(JSON.stringify(request)),
      })
      return eventually(`the answer to ${Id}`, LIMIT_MS, () => answers.find(answer => answer.Id === Id))
    }
    const state = async (): Promise<unknown> => JSON.parse(new TextDecoder().decode((await ask()).Payload))
    expect(await state()).to.equal(UNSEAL_STATE.setUp)
    const before = streams.length
    streams.at(-1)!.end()
    await eventually('the manager listens again', LIMIT_MS, () => streams.length > before || undefined)
    await work()
    expect(await state()).to.equal(UNSEAL_STATE.finished)
    expect(await state()).to.equal(UNSEAL_STATE.setUp)
    await work('no luck')
    expect(await state()).to.equal(UNSEAL_STATE.failed)
    expect((await ask({ Miner: 't01' })).Error).to.include('f01')
    expect((await ask({ Size: 'x' })).Error).to.not.equal('')
    expect((await ask({ Dest: 'ftp://h/p' })).Error).to.include('unknown scheme')
  })
})
