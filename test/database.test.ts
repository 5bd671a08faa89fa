import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbeddedMongod } from '@holdfast/launcher/mongod/embedded-mongod'
import { expect, test } from 'vitest'
import { download, upload } from './http.ts'
import { TestCluster } from './test-cluster.ts'
import { UploadLoad } from './upload-load.ts'
import { waitUntil } from './wait-until.ts'

/** A database of the test's own, to be stopped under the cluster. */
async function startOwnMongod() {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-test-mongo-'))
  const options = {
    directory,
    environment: process.env,
    report: () => undefined,
    onLogLine: () => undefined,
    signal: AbortSignal.timeout(300_000),
  }
  const mongod = await startEmbeddedMongod(options)
  return {
    mongod,
    again: () => startEmbeddedMongod(options),
    remove: () => rm(directory, { recursive: true, force: true }),
  }
}

/** @returns milliseconds until the answer */
async function timed(
  ask: () => Promise<{ status: number; code: number | null }>,
): Promise<[number, number | null, number]> {
  const startedAt = performance.now()
  const { status, code } = await ask()
  return [status, code, performance.now() - startedAt]
}

test('while MongoDB is away everything is answered with 503 within 3 s, and goes on when it is back, with nothing lost', async () => {
  const own = await startOwnMongod()
  let running = own.mongod
  try {
    await using cluster = await TestCluster.start({ mongoUrl: own.mongod.urlOf(''), fileServers: 2 })
    await upload(cluster.url, 'kept', Buffer.from('kept'))
    const load = new UploadLoad(cluster.url, 6, 100_000)
    await waitUntil('uploads succeed', () => load.acknowledged.length > 20)
    process.kill(running.running.pid, 'SIGKILL')
    for (const ask of [() => download(cluster.url, 'kept'), () => upload(cluster.url, 'new', randomBytes(10))]) {
      const [status, code, tookMs] = await timed(ask)
      expect([status, code]).toEqual([503, 16])
      expect(tookMs).toBeLessThan(3_000)
    }
    running = await own.again()
    const before = load.acknowledged.length
    await waitUntil('uploads succeed again', () => load.acknowledged.length > before + 20, 40_000)
    await load.stop()
    expect((await download(cluster.url, 'kept')).body.toString()).toBe('kept')
    expect(await load.findBroken()).toEqual([])
  } finally {
    await running.running.stop()
    await own.remove()
  }
}, 120_000)

test('a MongoDB that hangs is a 503 within 3 s too, also for an upload that waits for its record', async () => {
  const own = await startOwnMongod()
  try {
    await using cluster = await TestCluster.start({ mongoUrl: own.mongod.urlOf(''), fileServers: 1 })
    await upload(cluster.url, 'kept', Buffer.from('kept'))
    process.kill(own.mongod.running.pid, 'SIGSTOP')
    const answers = await Promise.all([
      timed(() => upload(cluster.url, 'hangs', Buffer.from('x'))),
      timed(() => download(cluster.url, 'kept')),
    ])
    process.kill(own.mongod.running.pid, 'SIGCONT')
    for (const [status, code, tookMs] of answers) {
      expect([status, code]).toEqual([503, 16])
      expect(tookMs).toBeLessThan(3_000)
    }
    await waitUntil('it goes on', async () => (await download(cluster.url, 'kept')).status === 200)
    // The record may have been written after all: then the file is whole, else it is not there.
    const { status, body } = await download(cluster.url, 'hangs')
    expect(status === 404 || (status === 200 && body.toString() === 'x')).toBe(true)
  } finally {
    process.kill(own.mongod.running.pid, 'SIGCONT')
    await own.mongod.running.stop()
    await own.remove()
  }
}, 120_000)
