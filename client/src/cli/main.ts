#!/usr/bin/env node
import { runProgram } from './program.ts'

const interrupted = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => interrupted.abort(signal))

// Whatever a command leaves open, a connection or standard input, must not keep the process.
process.exit(await runProgram(process.argv.slice(2), interrupted.signal))
