import { expect, test } from 'vitest'
import { download, upload } from './cluster/http.ts'
import { TestCluster } from './cluster/test-cluster.ts'
import { waitUntil } from './cluster/wait-until.ts'
import { OwnMongod } from './faults/cluster/own-mongod.ts'

/** @returns milliseconds until the answer */
async function timed(
  ask: () => Promise<{ status: number; code: number | null }>,
): Promise<[number, number | null, number]> {
  const startedAt = performance.now()
  const { status, code } = await ask()
  return [status, code, performance.now() - startedAt]
}

test('a MongoDB that hangs is a 503 within 3 s too, also for an upload that waits for its record', async () => {
  await using mongod = await OwnMongod.start()
  try {
    await using cluster = await TestCluster.start({ mongoUrl: mongod.url, fileServers: 1 })
    await upload(cluster.url, 'kept', Buffer.from('kept'))
    mongod.signal('SIGSTOP')
    const answers = await Promise.all([
      timed(() => upload(cluster.url, 'hangs', Buffer.from('x'))),
      timed(() => download(cluster.url, 'kept')),
    ])
    mongod.signal('SIGCONT')
    for (const [status, code, tookMs] of answers) {
      expect([status, code]).toEqual([503, 16])
      expect(tookMs).toBeLessThan(3_000)
    }
    await waitUntil('it goes on', async () => (await download(cluster.url, 'kept')).status === 200)
    // The record may have been written after all; then the file is whole, else it is not there.
    const { status, body } = await download(cluster.url, 'hangs')
    expect(status === 404 || (status === 200 && body.toString() === 'x')).toBe(true)
  } finally {
    mongod.signal('SIGCONT')
  }
}, 120_000)
