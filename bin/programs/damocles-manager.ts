import { managerProgram } from '../../daemon/manager/cli/program.js'
import { runProgram } from '../commands/run-program.js'
import { packageVersion } from '../commands/version.js'

await runProgram(managerProgram(`v${packageVersion()}-sealyard`))
