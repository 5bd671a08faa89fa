#!/usr/bin/env node
import { exitCodes } from './exit-code.ts'
import { watchSignals } from './interruption.ts'
import { runProgram } from './program.ts'

const interrupted = watchSignals(() => process.exit(exitCodes.interrupted))

// A connection or standard input that a command leaves open must not keep the process alive.
process.exit(await runProgram(process.argv.slice(2), interrupted))
