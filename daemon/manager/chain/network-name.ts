/** Public networks have names of their own; what is made at home may have any. By what people call them, the names that nodes answer. */
const PUBLIC: Readonly<Record<string, readonly string[]>> = {
  mainnet: ['mainnet', 'testnetnet'],
  calibration: ['calibrationnet'],
  butterfly: ['butterflynet'],
}

/** Whether a node that answers with this name is on a public network. */
export const isPublicNetwork = (name: string): boolean => Object.values(PUBLIC).flat().includes(name)

/** Whether it is on the network that is meant; one that is not public is meant by any name. */
export const isNetwork = (meant: string, name: string): boolean =>
  PUBLIC[meant]?.includes(name) ?? !isPublicNetwork(name)
