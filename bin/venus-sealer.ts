#!/usr/bin/env node
import { sealerProgram } from '../daemon/manager/cli/venus-sealer/program.js'
import { sealerWorker } from '../daemon/yard/sealer-worker.js'
import { runProgram } from './commands/run-program.js'
import { packageVersion } from './commands/version.js'

await runProgram(sealerProgram(`v${packageVersion()}-sealyard`, sealerWorker))
