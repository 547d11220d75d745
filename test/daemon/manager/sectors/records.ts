import { z } from 'zod'
import { SectorState } from '../../../../rpc-schema/manager/sector-state.js'
import { MINER } from '../manager-bench.js'

export const PIECE = 'baga6ea4seaqdze2m6jmh3q4ba54gc73croxc6kx64zrgoo3cnpxmd7kmnm2iedy'
export const OTHER_PIECE = 'baga6ea4seaqdsvqopmj2soyhujb72jza76t4wpq5fzifvm3ctz47iyytkewnubq'

export const dealInfo = (fields: object) => ({
  DealID: 0,
  PublishCid: null,
  AllocationID: 0,
  PieceCID: { '/': PIECE },
  PieceSize: 2048,
  Client: 'f01002',
  Provider: 'f01000',
  Offset: 0,
  Length: 2048,
  PayloadSize: 2000,
  StartEpoch: 10,
  EndEpoch: 1_000_000,
  IsBuiltinMarket: false,
  IsCompatible: false,
  ...fields,
})

export const piece = (cid: string, DealInfo: object | null) => ({
  Piece: { Size: 2048, PieceCID: { '/': cid } },
  DealInfo,
})

/** A record as it comes over the wire. */
export const wireRecord = (number: number, fields: object = {}, miner = MINER): SectorState =>
  z.decode(SectorState, { ID: { Miner: miner, Number: number }, SectorType: 5, ...fields } as never)

export const reported = (Instance: string, Next: string) => ({
  LatestState: {
    Worker: { Instance, Location: '/seal' },
    StateChange: { Prev: 'Empty', Next, Event: 'None' },
    Failure: null,
  },
})
