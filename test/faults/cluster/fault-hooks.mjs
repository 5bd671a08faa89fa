/**
 * Is loaded into a process under test (`NODE_OPTIONS=--import`), and at SIGUSR2 does to it what FAULT_HOOK says, `name`
 * or `name:argument`. It is for faults that cannot be done to a process from outside.
 */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

/** @type {Record<string, (argument: string) => unknown>} */
const hooks = {
  /** Claims to sync. */
  'sync-nothing': async () => {
    const file = await fs.promises.open(process.execPath)
    const handles = Object.getPrototypeOf(file)
    handles.sync = handles.datasync = async () => undefined
    await file.close()
    const pretend = (/** @type {number} */ _file, /** @type {(error: null) => void} */ done) => setImmediate(done, null)
    const nothing = () => undefined
    Object.assign(fs, { fsync: pretend, fdatasync: pretend, fsyncSync: nothing, fdatasyncSync: nothing })
    syncBuiltinESMExports()
  },
  /** Stands still for so many milliseconds, in which nothing is read and no timer fires. */
  block: (argument) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(argument)),
  /** Makes a mistake within a handler. */
  reject: () => {
    Promise.reject(new Error('a fault of the bench'))
  },
  /** Takes memory until there is none. */
  exhaust: () => {
    const held = []
    for (;;) held.push(new Array(100_000).fill(held.length))
  },
}

const [name = '', argument = ''] = (process.env.FAULT_HOOK ?? '').split(':')
const hook = hooks[name]
if (hook === undefined) throw new Error(`FAULT_HOOK names no hook: ${name}`)
process.on('SIGUSR2', () => hook(argument))
