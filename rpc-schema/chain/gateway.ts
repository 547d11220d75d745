import { z } from 'zod'
import { channel, method, param, service } from '../rpc/method.js'
import { NoResult, orZero } from '../rpc/zero-value.js'
import { AddressJson } from '../wire/address.js'
import { PoStProof } from '../wire/block-header.js'
import { Base64Bytes } from '../wire/bytes.js'
import { list } from '../wire/list.js'
import { ChainEpoch } from '../wire/numbers.js'
import { marketEventMethods, RequestEvent, ResponseEvent } from './market.js'
import { ChallengedSector } from './mining.js'

export const ProofRegisterPolicy = z.object({ MinerAddress: AddressJson })
export type ProofRegisterPolicy = z.infer<typeof ProofRegisterPolicy>

/** Methods of the events of `ListenProofEvent`. */
export const PROOF_EVENT = { initConnect: 'InitConnect', computeProof: 'ComputeProof' } as const

/** The payload of a `ComputeProof` event: sectors of a miner that has won a block at an epoch, and what they are to be proven with. */
export const ComputeProofRequest = z.object({
  SectorInfos: list(ChallengedSector),
  /** 32 bytes, as the chain gives them. */
  Rand: orZero(Base64Bytes, () => new Uint8Array()),
  Height: orZero(ChainEpoch, () => 0),
  NWVersion: orZero(z.int(), () => 0),
})
export type ComputeProofRequest = z.infer<typeof ComputeProofRequest>

/** The payload of its answer. */
export const ComputedProofs = list(PoStProof)

/** What Sealyard uses of a Venus gateway (`/rpc/v2`): market events, and the winning PoSts that block producers ask for. */
export const gatewayService = service('Gateway', {
  ...marketEventMethods,
  ListenProofEvent: channel('Winning PoSts asked of a miner.', [param('policy', ProofRegisterPolicy)], RequestEvent),
  ResponseProofEvent: method('Answers with the proofs.', [param('response', ResponseEvent)], NoResult),
})
