import { z } from 'zod'
import { channel, method, param, service } from '../rpc/method.js'
import { NoResult } from '../rpc/zero-value.js'
import { AddressJson } from '../wire/address.js'
import { marketEventMethods, RequestEvent, ResponseEvent } from './market.js'

export const ProofRegisterPolicy = z.object({ MinerAddress: AddressJson })
export type ProofRegisterPolicy = z.infer<typeof ProofRegisterPolicy>

/** What Sealyard uses of a Venus gateway (`/rpc/v2`): market events, and the winning PoSts that block producers ask for. */
export const gatewayService = service('Gateway', {
  ...marketEventMethods,
  ListenProofEvent: channel('Winning PoSts asked of a miner.', [param('policy', ProofRegisterPolicy)], RequestEvent),
  ResponseProofEvent: method('Answers with the proofs.', [param('response', ResponseEvent)], NoResult),
})
