import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Logger } from '@holdfast/shared/node/logger'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { testInFull } from '../../../test/full-run.ts'
import { Primary } from '../../src/workers/primary.ts'

/**
 * The script answers each connection with its pid. At SIGUSR2 it stops taking them. At SIGHUP it uses up its descriptors
 * until it is asked.
 */
const WORKER = `
import { closeSync, openSync } from 'node:fs'
const files = []
const tell = (isServing) =>
  process.send({ kind: 'state', url: 'http://127.0.0.1:1', ownPort: 1, isServing, fileServerCount: 0 })
let filling
process.on('message', ({ kind, number }, connection) => {
  if (kind === 'ask') clearInterval(filling)
  if (kind === 'ask') for (const file of files.splice(0)) closeSync(file)
  if (kind === 'ask' || kind === 'connection') process.send({ kind: 'taken', number })
  connection?.on('error', () => undefined)
  connection?.end(String(process.pid))
})
process.on('SIGUSR2', () => tell(false))
// It does so again and again, for a connection that was just answered gives its descriptor back.
process.on('SIGHUP', () => {
  filling ??= setInterval(() => {
    try {
      for (;;) files.push(openSync('/dev/null'))
    } catch {
      process.send({ kind: 'full' })
    }
  }, 2)
})
process.on('SIGTERM', () => process.exit())
process.on('disconnect', () => process.exit())
tell(true)
`
const { execPath } = process
const warn = vi.fn()
const log = { warn } as unknown as Logger
let directory = ''
let running: Primary | null = null

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-primary-'))
  await writeFile(join(directory, 'worker.mjs'), WORKER)
})

afterEach(async () => {
  process.execPath = execPath
  warn.mockClear()
  await running?.close()
  running = null
  await rm(directory, { recursive: true })
})

/**
 * @returns a function that asks, and gives the pid of the worker that answers, or '' where the connection ends without an
 * answer
 */
async function start(workerCount: number): Promise<() => Promise<string>> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  await new Promise((resolve) => probe.close(resolve))
  const script = join(directory, 'worker.mjs')
  running = await Primary.start({ script, workerCount, host: '127.0.0.1', port, firstWorkerPort: 0 }, log)
  return async () => {
    const socket = connect({ port, host: '127.0.0.1' }).setEncoding('utf8')
    let answer = ''
    socket.on('data', (text) => {
      answer += text
    })
    socket.on('error', () => undefined)
    await once(socket, 'close')
    return answer
  }
}

/** @returns the pids of all workers, once all serve */
async function pidsOf(workerCount: number, ask: () => Promise<string>): Promise<number[]> {
  const seen = new Set<number>()
  await vi.waitFor(async () => {
    seen.add(Number((await ask()) || Number.NaN))
    seen.delete(Number.NaN)
    expect(seen.size).toBe(workerCount)
  }, 15_000)
  return [...seen]
}

test('a worker that stops alone gets no more connections while it drains', async () => {
  const ask = await start(2)
  const [stopping = Number.NaN, other] = await pidsOf(2, ask)
  process.kill(stopping, 'SIGUSR2')
  await vi.waitFor(async () => {
    const answers = []
    for (let count = 0; count < 10; count += 1) answers.push(await ask())
    expect(answers).toEqual(Array.from({ length: 10 }, () => String(other)))
  }, 10_000)
}, 30_000)

testInFull(
  'a worker that lost a connection for want of descriptors is given others again',
  async () => {
    const wrapper = join(directory, 'node')
    await writeFile(wrapper, `#!/bin/sh\nulimit -n 64\nexec '${execPath}' "$@"\n`, { mode: 0o755 })
    process.execPath = wrapper
    const ask = await start(1)
    const [pid = Number.NaN] = await pidsOf(1, ask)
    process.kill(pid, 'SIGHUP')
    await vi.waitFor(async () => expect(await ask()).toBe(''), 20_000)
    await vi.waitFor(async () => expect(await ask()).toBe(String(pid)), 10_000)
  },
  45_000,
)

test('a worker that cannot be started is tried again', async () => {
  process.execPath = join(directory, 'none')
  const ask = await start(1)
  const ended = expect.objectContaining({ how: expect.stringMatching(/ENOENT/) })
  await vi.waitFor(() => expect(warn).toHaveBeenCalledWith(ended, 'worker ended, started again'))
  process.execPath = execPath
  expect(await pidsOf(1, ask)).toHaveLength(1)
}, 30_000)

test('closing waits for no worker that could not be started', async () => {
  process.execPath = join(directory, 'none')
  await start(2)
  await expect(running?.close()).resolves.toBeUndefined()
  expect(warn).not.toHaveBeenCalledWith(expect.anything(), 'worker ended, started again')
})
