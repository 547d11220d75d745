import { workerProgram } from '../../daemon/worker/cli/program.js'
import { runProgram } from '../commands/run-program.js'
import { packageVersion } from '../commands/version.js'

await runProgram(workerProgram(`v${packageVersion()}-sealyard`))
