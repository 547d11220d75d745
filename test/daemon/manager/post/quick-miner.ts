/** A miner whose sectors are on the chain soon, and whose windows are proven by pretended proofs: files are looked at, not read. */
export const QUICK_MINER = `[Miners.Commitment]
Confidence = 2
[Miners.Commitment.Pre.Batch]
Threshold = 1
[Miners.Commitment.Prove.Batch]
Threshold = 1
[Miners.PoSt]
StrictCheck = false
Confidence = 2
`
