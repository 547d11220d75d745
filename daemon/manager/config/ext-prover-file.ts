/** The name of the file, beside the configuration of the manager. */
export const EXT_PROVER_FILE = 'ext-prover.cfg'

/** The `ext-prover.cfg` that `daemon init` writes: an example, commented completely. */
export const EXT_PROVER_TEXT = `# Default config:
# Processes that make the window and winning proofs, read with \`daemon run --ext-prover\`. A kind without an entry is proven by the manager itself.
#[[WdPost]]
# The program; without it damocles-worker beside the manager, as \`damocles-worker processor window_post\`.
#Bin = "/path/to/custom/bin"
# Used with Bin only.
#Args = ["args1", "args2"]
# Proofs at the same time in one process.
#Concurrent = 1
# Share of this process among those of its kind.
#Weight = 1
# The process must say that it is ready within this time.
#ReadyTimeoutSecs = 5
# A proof without an answer or a sign of life for so long is taken for hung, and its process is started anew; 0: only what takes three times as long as
# earlier proofs did.
#StallTimeoutSecs = 0
#[WdPost.Envs]
#ENV_KEY = "ENV_VAL"
#[[WinPost]]
#Bin = "/path/to/custom/bin"
#Args = ["args1", "args2"]
#Concurrent = 1
#Weight = 1
#ReadyTimeoutSecs = 5
#StallTimeoutSecs = 0
#[WinPost.Envs]
#ENV_KEY = "ENV_VAL"
`
