#!/usr/bin/env node
import { runProgramModule } from '../daemon/kit/program-module.js'

await runProgramModule('bin/programs/damocles-worker.js')
