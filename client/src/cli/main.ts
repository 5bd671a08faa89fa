#!/usr/bin/env node
import { runProgram } from './program.ts'

const interrupted = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => interrupted.abort(signal))

// A connection or standard input that a command leaves open must not keep the process alive.
process.exit(await runProgram(process.argv.slice(2), interrupted.signal))
