import { randomBytes } from 'node:crypto'
import { expect, inject, test } from 'vitest'
import type { TestCluster } from '../../cluster/test-cluster.ts'
import { checkCluster } from '../check/check-cluster.ts'
import { FaultCluster } from '../cluster/fault-cluster.ts'
import { canTrace, type FailingCall, withFailingCall } from '../cluster/strace.ts'
import { RecordedClient } from '../load/recorded-client.ts'

/** Each of these calls stands between an upload or a delete and its answer, and sockets use none of them. */
const calls = ['pwrite64,pwritev', 'fsync', 'fdatasync', 'rename', 'mkdir', 'unlink'] as const
const errors: readonly FailingCall['error'][] = ['EIO', 'ENOSPC', 'EDQUOT']
/** The work below needs fewer of each call than this. */
const MOST_CALLS = 30

/** With one thread in the pool, the nth call of a thread is the nth call of the process. */
const start = () =>
  FaultCluster.start({
    mongoUrl: inject('mongoUrl'),
    fileServers: 1,
    managers: 1,
    fileServerEnvironment: { UV_THREADPOOL_SIZE: '1' },
  })

/** A manager may take a while to see that a killed file-server is gone, so the new process itself says when it is there. */
async function restart(cluster: TestCluster): Promise<void> {
  await cluster.restartFileServer(0)
  await cluster.fileServers[0]?.process.line((line) => line.message === 'manager connected')
  await cluster.settled()
}

test('row 12, invariants 1, 2 and 6: the k-th call of a kind fails in a real file-server, k = 1, 2, …: what is acknowledged is there, the rest leaves nothing', async () => {
  if (!(await canTrace())) return
  await using faults = await start()
  const { cluster } = faults
  using client = new RecordedClient(cluster.url)
  let failureCount = 0
  for (const error of errors) {
    for (const call of calls) {
      for (let nth = 1; nth <= MOST_CALLS; nth++) {
        const prefix = `${error}/${call}/${nth}`
        const { pid } = cluster.fileServers[0]?.process ?? { pid: 0 }
        const failed = await withFailingCall(pid, { calls: call, error, nth }, async () => {
          await client.upload(`${prefix}/small`, randomBytes(2_000))
          await client.upload(`${prefix}/large`, randomBytes(700_000))
          await client.remove(`${prefix}/small`)
        })
        failureCount += failed
        if (failed === 0) break
        // A kill instead of an orderly end makes only what is on the disk count.
        await cluster.fileServers[0]?.process.kill()
        await restart(cluster)
        for (const size of ['small', 'large']) await client.download(`${prefix}/${size}`)
      }
    }
  }
  expect(failureCount).toBeGreaterThanOrEqual(errors.length * 4)
  expect(await checkCluster(faults.view, client.history.operations)).toEqual([])
}, 900_000)

test.each(['small', 'large'])(
  'row 13, invariants 1 and 2: an fsync that fails once under a %s upload is never acknowledged nor tried again, and the disk takes no more until a restart',
  async (size) => {
    if (!(await canTrace())) return
    await using faults = await start()
    const { cluster } = faults
    using client = new RecordedClient(cluster.url)
    expect(await client.upload('before', randomBytes(2_000))).toBe(201)
    const bytes = randomBytes(size === 'small' ? 2_000 : 700_000)
    const member = cluster.fileServers[0]
    const failing: FailingCall = { calls: 'fsync,fdatasync', error: 'EIO', nth: 1 }
    const failed = await withFailingCall(member?.process.pid ?? 0, failing, async () => {
      expect(await client.upload('during', bytes)).toBe(503)
      // The next fsync would succeed, and prove nothing.
      expect([503, 507]).toContain(await client.upload('during', bytes))
    })
    expect(failed).toBeGreaterThan(0)
    await restart(cluster)
    expect(await client.download('before')).toBe(200)
    expect(await client.download('during')).toBe(404)
    expect(await client.upload('during', bytes)).toBe(201)
    expect(await checkCluster(faults.view, client.history.operations)).toEqual([])
  },
  120_000,
)
