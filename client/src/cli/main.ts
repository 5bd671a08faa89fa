#!/usr/bin/env node
import { exitCodes } from './exit-code.ts'
import { watchSignals } from './interruption.ts'
import { runProgram } from './program.ts'

const interrupted = watchSignals(() => process.exit(exitCodes.interrupted))

// Whatever a command leaves open, a connection or standard input, must not keep the process.
process.exit(await runProgram(process.argv.slice(2), interrupted))
