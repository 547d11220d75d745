import { address, array, bigInt, bytes, type CborValue, int, tuple } from '../wire/cbor.js'

/** What method 2 returns. */
export const ControlAddressesReturn = tuple({ Owner: address, Worker: address, ControlAddrs: array(address) })
export type ControlAddressesReturn = CborValue<typeof ControlAddressesReturn>

/** Method 3. The control addresses change at once, the worker once method 21 confirms it. */
export const ChangeWorkerAddressParams = tuple({ NewWorker: address, NewControlAddrs: array(address) })
export type ChangeWorkerAddressParams = CborValue<typeof ChangeWorkerAddressParams>

/** Method 4. */
export const ChangePeerIDParams = tuple({ NewID: bytes })
export type ChangePeerIDParams = CborValue<typeof ChangePeerIDParams>

/** Method 18: binary multiaddrs. */
export const ChangeMultiaddrsParams = tuple({ NewMultiaddrs: array(bytes) })
export type ChangeMultiaddrsParams = CborValue<typeof ChangeMultiaddrsParams>

/** Method 16, in attoFIL. Returns the amount that was withdrawn. */
export const WithdrawBalanceParams = tuple({ AmountRequested: bigInt })
export type WithdrawBalanceParams = CborValue<typeof WithdrawBalanceParams>

/** Method 23: the new owner; sent by the old one to propose and by the new one to confirm. A bare address, no tuple. */
export const ChangeOwnerAddressParams = address
export type ChangeOwnerAddressParams = CborValue<typeof ChangeOwnerAddressParams>

/** Method 30. */
export const ChangeBeneficiaryParams = tuple({ NewBeneficiary: address, NewQuota: bigInt, NewExpiration: int })
export type ChangeBeneficiaryParams = CborValue<typeof ChangeBeneficiaryParams>
