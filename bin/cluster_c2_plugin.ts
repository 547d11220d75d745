#!/usr/bin/env node
import { clusterC2Program } from '../plugins/cluster-c2/program.js'
import { runProgram } from './commands/run-program.js'
import { packageVersion } from './commands/version.js'

await runProgram(clusterC2Program(`${packageVersion()}-sealyard`))
