/** Where damocles-manager serves its API. */
export const RPC_PATH = '/rpc/v0'
