#!/usr/bin/env node
import { runProgram } from './program.ts'

const interrupted = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort(signal))

process.exitCode = await runProgram(process.argv.slice(2), interrupted.signal)
// What is left open after an interruption, standard input above all, would keep the process.
if (interrupted.signal.aborted) process.exit()
