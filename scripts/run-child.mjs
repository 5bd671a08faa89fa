import { spawn } from 'node:child_process'
import { constants } from 'node:os'

const passedOn = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])

const PARENT_CHECK_MS = 500

/**
 * Runs a program to its end and passes signals on to it, so that whoever stops this process stops that one and waits
 * for it. npm's shell dies of a SIGTERM instead of passing it on, so under npm the end of the parent counts as one.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {import('node:child_process').SpawnOptions} options
 * @returns {Promise<number>} its exit code; 128 and the signal's number where a signal ended it, as in shells
 */
export async function runChild(command, args, options) {
  const child = spawn(command, args, options)
  /** @param {NodeJS.Signals} signal */
  const passOn = (signal) => child.kill(signal)
  for (const signal of passedOn) process.on(signal, passOn)
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.env.npm_lifecycle_event === undefined || process.ppid === parent) return
    clearInterval(timer)
    child.kill('SIGTERM')
  }, PARENT_CHECK_MS)
  try {
    return await new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])))
    })
  } finally {
    clearInterval(timer)
    for (const signal of passedOn) process.off(signal, passOn)
  }
}
