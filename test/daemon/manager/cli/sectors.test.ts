import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { z } from 'zod'
import { lotusMinerService, MinerSectorInfo } from '../../../../rpc-schema/chain/lotus-miner.js'
import { Address } from '../../../../rpc-schema/wire/address.js'
import { type Outcome, runManagerCli } from '../../../harness/run-manager-cli.js'
import { scriptedService } from '../../../harness/scripted-service.js'
import { ManagerBench, MINER } from '../manager-bench.js'
import { dealInfo, PIECE, piece, reported, wireRecord } from '../sectors/records.js'

const COMM_R = 'bagboea4b5abcb7dbb42foyz4twk37m4aknszr63v26llvyvok3oi3udkv5a4qstd'

/** A sector as a lotus-miner tells of it. */
const lotusSector = (number: number, fields: object = {}): MinerSectorInfo =>
  z.decode(MinerSectorInfo, {
    SectorID: number,
    State: 'Proving',
    CommD: { '/': PIECE },
    CommR: { '/': COMM_R },
    Proof: Buffer.alloc(192, 1).toString('base64'),
    Deals: [],
    Pieces: [],
    Ticket: { Value: Buffer.alloc(32, 2).toString('base64'), Epoch: 10 },
    Seed: { Value: Buffer.alloc(32, 3).toString('base64'), Epoch: 200 },
    PreCommitMsg: null,
    CommitMsg: null,
    ReplicaUpdateMessage: null,
    SealProof: 5,
    Activation: 300,
    Expiration: 900_000,
    ...fields,
  } as never)

describe('manager: commands about sectors', function () {
  this.timeout(60_000)
  let bench: ManagerBench
  let dir: string

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'sectors-cli-'))
    bench = await new ManagerBench({ sectorConfig: 'PledgeOnly = true\nMaxSealingSectors = 50' }).start()
    const records = [
      wireRecord(11, reported('w1', 'PC1Done')),
      wireRecord(12, { ...reported('w2', 'PC2Done'), Unsealing: true }),
      wireRecord(13),
    ]
    for (const record of records) await bench.api.ImportSector('online', record, false)
    const done = wireRecord(9, {
      Finalized: true,
      Pieces: [piece(PIECE, dealInfo({ DealID: 5, IsBuiltinMarket: true }))],
    })
    await bench.api.ImportSector('offline', done, false)
  })
  after(async () => {
    rmSync(dir, { recursive: true, force: true })
    await bench?.stop()
  })

  const sectors = (...args: string[]): Promise<Outcome> =>
    runManagerCli('util', '--listen', bench.manager.address, 'sealer', 'sectors', ...args)
  const listed = async (...args: string[]): Promise<number[]> => {
    const { stdout } = await sectors('list', '--json', ...args)
    return (JSON.parse(stdout) as { ID: { Number: number } }[]).map(({ ID }) => ID.Number)
  }

  it('list chooses by flags and filters, and goes on where it ended', async () => {
    expect(await listed()).to.deep.equal([11, 13])
    expect(await listed('--unseal')).to.deep.equal([11, 12, 13])
    expect(await listed('--no-sealing', '--unseal')).to.deep.equal([12])
    expect(await listed('--no-sealing')).to.deep.equal([])
    expect(await listed('--unseal', '--worker', 'w2')).to.deep.equal([12])
    expect(await listed('--state', 'PC1Done')).to.deep.equal([11])
    expect(await listed('--offline', '--deal', '5')).to.deep.equal([9])
    expect(await listed('--offline', '--piece', PIECE)).to.deep.equal([9])
    expect(await listed('--offline', '--aborted')).to.deep.equal([])
    expect(await listed('--stale')).to.deep.equal([])
    expect(await listed('--stale', '--older', '1ms')).to.deep.equal([13])
    const first = await sectors('list', '--limit', '1')
    expect(first.stdout).to.match(/^Sectors:\ns-t01000-11:\n/)
    const cursor = /More with: --cursor (\S+)\n$/.exec(first.stdout)![1]!
    expect(await listed('--cursor', cursor)).to.deep.equal([13])
    expect((await sectors('list', '--piece', 'x')).stderr).to.include('expected a CID')
  })

  it('find-deal, finalize and history', async () => {
    expect((await sectors('find-deal', '5')).stdout).to.equal('Not Found\n')
    expect((await sectors('find-deal', '--offline', '5')).stdout).to.equal('s-t01000-9\n')
    expect((await sectors('find-deal', '0')).stderr).to.include('empty deal id')
    expect((await sectors('finalize', '11', '--actor', '1000')).stdout).to.include('--really-do-it')
    const refused = await sectors('finalize', '11', '--miner', 't01000', '--really-do-it')
    expect([refused.code, refused.stderr]).to.deep.equal([
      1,
      'damocles-manager: sector {1000 11} for miner f01000 not found\n',
    ])
    expect((await sectors('finalize', '11')).stderr).to.include("required option '--miner <miner>'")
    const history = (await sectors('history', '1000', '11')).stdout.split('\n')
    expect(history[0]).to.match(/^Time +By +Event +Detail/)
    expect(history[1]).to.match(/^\d{4}-\d\d-\d\dT\S+Z +operator +imported/)
    expect((await sectors('history', '1000', '999')).stdout).to.equal('nothing is known of this sector\n')
  })

  it('state import-json shows first, then writes, and keeps what is there', async () => {
    const file = join(dir, 'state.json')
    const exported = (await sectors('state', 'export-json', '1000', '9')).stdout
    writeFileSync(file, exported.replace('"Number":9', '"Number":40'))
    const shown = await sectors('state', 'import-json', file)
    expect(shown.stdout).to.match(/^Sector s-t01000-40: \n/)
    expect(shown.stdout).to.match(/this will be a new offline record\npass --really-do-it to import this state\n$/)
    expect(await listed('--offline')).to.deep.equal([9])
    expect((await sectors('state', 'import-json', file, '--really-do-it')).stdout).to.equal(
      's-t01000-40 imported, offline\n',
    )
    expect(await listed('--offline')).to.deep.equal([9, 40])
    const again = await sectors('state', 'import-json', file, '--really-do-it')
    expect([again.code, again.stderr]).to.deep.equal([
      1,
      'damocles-manager: s-t01000-40 has a record already, which is kept: see --override\n',
    ])
    expect((await sectors('state', 'import-json', file, '--override')).stdout).to.include('which will be lost')
    expect((await sectors('state', 'import-json', file, '--override', '--really-do-it')).code).to.equal(0)
    writeFileSync(file, '{"ID": 1}')
    expect((await sectors('state', 'import-json', file)).stderr).to.include(`${file}: state.ID`)
    writeFileSync(file, 'x')
    expect((await sectors('state', 'import-json', file)).stderr).to.include(`${file}: expected the JSON of a sector`)
    expect(readFileSync(file, 'utf8')).to.equal('x')
  })

  it('S002-41, 42: pledge asks for sectors, which workers get one by one', async () => {
    const ANY = { AllowedMiners: [], AllowedProofTypes: [] }
    expect(await bench.api.AllocateSector(ANY)).to.equal(null)
    const asked = await sectors('pledge', '--miner', 'f01000', '--count', '2', '--request', 'cron-1')
    expect(asked.stdout).to.equal('asked for 2 sectors of f01000\npledges: 1 2\n')
    expect((await sectors('pledge', '--miner', '1000', '--count', '2', '--request', 'cron-1')).stdout).to.equal(
      asked.stdout,
    )
    const waiting = (await sectors('pledges', 'list')).stdout.split('\n')
    expect(waiting[0]).to.match(/^ID +Miner +State +Sector +Asked +Settled/)
    expect(waiting[1]).to.match(/^1 +f01000 +waiting +- /)
    const { ID } = (await bench.api.AllocateSector(ANY))!
    expect((await sectors('pledges', 'cancel', '2')).stdout).to.equal('cancelled: 1\n')
    expect(await bench.api.AllocateSector(ANY)).to.equal(null)
    const late = await sectors('pledges', 'cancel', '1', '2')
    expect([late.code, late.stderr]).to.deep.equal([1, 'damocles-manager: not waiting any more, or unknown: 1 2\n'])
    const all = JSON.parse((await sectors('pledges', 'list', '--state', 'all', '--json')).stdout)
    expect(all.map((one: { State: string; Number: number | null }) => [one.State, one.Number])).to.deep.equal([
      ['given', ID.Number],
      ['cancelled', null],
    ])
    expect((await sectors('pledges', 'list')).stdout).to.equal('No Pledges\n')
    expect((await sectors('pledge', '--miner', '77')).stderr).to.include('config for miner actor 77 not found')
  })

  it('numbers tells how they stand, and leaves some out', async () => {
    const before = JSON.parse((await sectors('numbers', '--miner', '1000', '--json')).stdout)
    expect(before).to.deep.include({ Miner: 1000, Min: 0, Max: null, OnChain: null, PledgeOnly: true, MaxSealing: 50 })
    expect(before.Recorded).to.equal(before.Last)
    const raised = await sectors('numbers', '--miner', '1000', '--raise-to', '500', '--reason', 'moved from B')
    expect(raised.stdout).to.match(/\nLast number given: 500\nLimits: above 0, no end\n/)
    expect(raised.stdout).to.match(/\nLeft out at \S+: \d+ to 500 \(moved from B\)\n$/)
    await sectors('pledge', '--miner', '1000')
    expect((await bench.api.AllocateSector({ AllowedMiners: [MINER], AllowedProofTypes: [] }))!.ID.Number).to.equal(501)
  })

  it('import takes over the finished sectors of a lotus-miner', async () => {
    const found: Record<number, MinerSectorInfo> = {
      60: lotusSector(60),
      61: lotusSector(61, {
        State: 'ReleaseSectorKey',
        Pieces: [
          { Piece: { Size: 1024, PieceCID: { '/': PIECE } }, DealInfo: null },
          {
            Piece: { Size: 1024, PieceCID: { '/': PIECE } },
            DealInfo: { DealID: 77, PublishCid: null, DealProposal: null },
          },
        ],
        ReplicaUpdateMessage: { '/': COMM_R },
      }),
      62: lotusSector(62, { State: 'PreCommit1' }),
      63: lotusSector(63, { Proof: null }),
    }
    const miner = await scriptedService(lotusMinerService, {
      ActorAddress: () => Address.fromId(MINER),
      SectorsList: () => Object.keys(found).map(Number),
      SectorsStatus: number => found[number]!,
    })
    try {
      const dry = await sectors('import', '--api', miner.url, '--dry-run')
      expect(dry.stdout)
        .to.include('s-t01000-60: would be imported\n')
        .and.include('would import: 2, kept: 0, not possible: 2\n')
      expect(await listed('--offline')).to.not.include(60)
      const done = await sectors('import', '--api', miner.url)
      expect(done.stdout).to.equal(
        [
          's-t01000-60: imported',
          's-t01000-61: imported',
          's-t01000-62: not imported: its state is PreCommit1, only finished sectors can be imported',
          's-t01000-63: not imported: no proof',
          'imported: 2, kept: 0, not possible: 2',
          '',
        ].join('\n'),
      )
      expect(done.code).to.equal(1)
      const again = await sectors('import', '--api', miner.url, '--numbers', '60,61')
      expect([again.code, again.stdout.split('\n').at(-2)]).to.deep.equal([0, 'imported: 0, kept: 2, not possible: 0'])
      expect((await sectors('import', '--api', miner.url, '--numbers', '60', '--override')).stdout).to.include(
        's-t01000-60: imported',
      )
      const plain = await bench.api.FindSector('offline', { Miner: MINER, Number: 60 })
      expect(plain).to.deep.include({ Finalized: true, Imported: true, Upgraded: false, SectorType: 5, Deals: [] })
      const upgraded = (await bench.api.FindSector('offline', { Miner: MINER, Number: 61 }))!
      expect(upgraded).to.deep.include({ Upgraded: true, UpgradeMessageID: COMM_R, UpgradeLandedEpoch: 0 })
      expect(upgraded.UpgradePublic).to.deep.include({ Activation: 300, Expiration: 900_000 })
      expect(upgraded.Deals!.map(deal => [deal.ID, deal.Piece.Offset, deal.IsCompatible])).to.deep.equal([
        [0, 0, false],
        [77, 1024, true],
      ])
    } finally {
      await miner.close()
    }
  })
})
