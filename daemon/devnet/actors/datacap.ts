import { BatchReturn } from '../../../rpc-schema/actors/batch-return.js'
import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import { address, array, bigInt, bytes, type CborValue, cid, int, tuple, uint } from '../../../rpc-schema/wire/cbor.js'
import { isPieceCid } from '../../../rpc-schema/wire/cid.js'
import { isPaddedPieceSize } from '../../../rpc-schema/wire/numbers.js'
import { POLICY } from '../chain/policy.js'
import { actors, allocations, dataCaps, network, resolveId, SINGLETONS } from '../state/records.js'
import type { StateDraft } from '../state/state-tree.js'
import { decodeParams, forbidden, illegalArgument, insufficientFunds, notFound } from '../vm/abort.js'
import type { Call, Machine } from '../vm/machine.js'

/** Exported method `Transfer` of the data cap actor (f07): the first bytes of the hash of its name (FRC-0042). */
export const DATACAP_TRANSFER = 80_475_954

/** The data cap's tokens have 18 decimals: one byte is 10^18 of them. */
export const DATACAP_UNIT = 10n ** 18n

export const TransferParams = tuple({ To: address, Amount: bigInt, OperatorData: bytes })

export const AllocationRequest = tuple({
  Provider: uint,
  Data: cid,
  Size: uint,
  TermMin: int,
  TermMax: int,
  Expiration: int,
})
type AllocationRequest = CborValue<typeof AllocationRequest>

const ClaimExtensionRequest = tuple({ Provider: uint, Claim: uint, TermMax: int })

/** What a client that sends data cap to the verified registry (f06) wants for it. */
export const AllocationRequests = tuple({
  Allocations: array(AllocationRequest),
  Extensions: array(ClaimExtensionRequest),
})

export const AllocationsResponse = tuple({
  AllocationResults: BatchReturn,
  ExtensionResults: BatchReturn,
  NewAllocations: array(uint),
})

export const TransferReturn = tuple({ FromBalance: bigInt, ToBalance: bigInt, RecipientData: bytes })

/** Data cap can only be turned into allocations: a transfer to the verified registry that pays for them exactly. */
export function transferDataCap(machine: Machine, { draft, from, params }: Call): Uint8Array {
  const { To, Amount, OperatorData } = decodeParams(TransferParams, params)
  if (resolveId(draft, To) !== SINGLETONS.verifiedregistry) {
    throw forbidden('data cap may only be transferred to the verified registry')
  }
  const { Allocations, Extensions } = decodeParams(AllocationRequests, OperatorData)
  if (Extensions.length > 0) throw notFound(`no claim ${Extensions[0]!.Claim} for provider ${Extensions[0]!.Provider}`)
  const balance = dataCaps.get(draft, from) ?? 0n
  if (balance < Amount) throw insufficientFunds(`data cap balance ${balance} is less than ${Amount}`)
  for (const request of Allocations) checkRequest(machine, request, actors.get(draft, request.Provider)?.kind)
  const wanted = Allocations.reduce((sum, request) => sum + BigInt(request.Size) * DATACAP_UNIT, 0n)
  if (wanted !== Amount)
    throw illegalArgument(`total allocation size ${wanted} must match data cap amount received ${Amount}`)

  const ids = makeAllocations(draft, from, Allocations)
  return TransferReturn.encode({
    FromBalance: balance - Amount,
    ToBalance: 0n,
    RecipientData: AllocationsResponse.encode({
      AllocationResults: { SuccessCount: ids.length, FailCodes: [] },
      ExtensionResults: { SuccessCount: 0, FailCodes: [] },
      NewAllocations: ids,
    }),
  })
}

/** Turns data cap of a client, which has enough, into allocations; their ids. */
export function makeAllocations(draft: StateDraft, client: number, requests: readonly AllocationRequest[]): number[] {
  return requests.map(({ Provider, Data, Size, TermMin, TermMax, Expiration }) => {
    const { nextAllocationId: id, allocations: open } = network.get(draft)
    allocations.put(
      draft,
      {
        client,
        provider: Provider,
        data: Data,
        size: Size,
        termMin: TermMin,
        termMax: TermMax,
        expiration: Expiration,
      },
      id,
    )
    network.update(draft, { nextAllocationId: id + 1, allocations: open.union(Bitfield.of([id])) })
    dataCaps.put(draft, dataCaps.get(draft, client)! - BigInt(Size) * DATACAP_UNIT, client)
    return id
  })
}

function checkRequest({ epoch }: Machine, request: AllocationRequest, provider: string | undefined): void {
  const { Provider, Data, Size, TermMin, TermMax, Expiration } = request
  const { minAllocationBytes, minAllocationTerm, maxAllocationTerm, maxAllocationExpiration } = POLICY
  if (provider !== 'storageminer') throw illegalArgument(`allocation provider ${Provider} must be a miner actor`)
  if (!isPieceCid(Data) || !isPaddedPieceSize(Size))
    throw illegalArgument(`allocation of ${Size} bytes of ${Data} is no piece`)
  if (Size < minAllocationBytes) throw illegalArgument(`allocation size ${Size} below minimum ${minAllocationBytes}`)
  if (TermMin < minAllocationTerm)
    throw illegalArgument(`allocation term min ${TermMin} below limit ${minAllocationTerm}`)
  if (TermMax > maxAllocationTerm)
    throw illegalArgument(`allocation term max ${TermMax} above limit ${maxAllocationTerm}`)
  if (TermMin > TermMax) throw illegalArgument(`allocation term min ${TermMin} exceeds term max ${TermMax}`)
  if (Expiration < epoch)
    throw illegalArgument(`allocation expiration epoch ${Expiration} has passed current epoch ${epoch}`)
  if (Expiration > epoch + maxAllocationExpiration) {
    throw illegalArgument(`allocation expiration ${Expiration} exceeds maximum ${epoch + maxAllocationExpiration}`)
  }
}
