/** Every batch of a miner goes at once: its sectors are on the chain soon. */
export const QUICK_COMMITMENT = `[Miners.Commitment]
Confidence = 2
[Miners.Commitment.Pre.Batch]
Threshold = 1
[Miners.Commitment.Prove.Batch]
Threshold = 1
`

/** The same, and windows that are proven by pretended proofs: files are looked at, not read. */
export const QUICK_MINER = `${QUICK_COMMITMENT}[Miners.PoSt]
StrictCheck = false
Confidence = 2
`
