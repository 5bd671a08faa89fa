import { randomInt } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import mongoose from 'mongoose'
import { expect, inject, test } from 'vitest'
import { copiesIn, walk } from './disk.ts'
import { TestCluster } from './test-cluster.ts'
import { UploadLoad } from './upload-load.ts'
import { waitUntil } from './wait-until.ts'

const KILLS = 20
/**
 * So that orphans go within the test; the grace is still far longer than any upload of it takes. So many crashes in so
 * little time leave a share of orphans that would be unlikely elsewhere.
 */
const managerEnvironment = {
  ORPHAN_GRACE_MS: '4000',
  RECONCILE_EVERY_MS: '500',
  UPKEEP_EVERY_MS: '300',
  RECONCILE_MAX_SHARE_PERCENT: '100',
}

test.each([
  ['file-server', async (cluster: TestCluster) => killFileServer(cluster, randomInt(cluster.fileServers.length))],
  ['manager', async (cluster: TestCluster) => killManager(cluster)],
])(
  `invariants 1, 2 and 8: kill -9 of a %s, ${KILLS} times under load, loses and changes no acknowledged file, and leaves one copy of each live one`,
  async (_kind, kill) => {
    await using cluster = await TestCluster.start({ mongoUrl: inject('mongoUrl'), managerEnvironment })
    const load = new UploadLoad(cluster.url, 12, 400_000)
    for (let count = 0; count < KILLS; count++) {
      const before = load.acknowledged.length
      await waitUntil('uploads succeed', () => load.acknowledged.length > before + 5)
      // A random moment is the point of this test: no condition to wait for.
      await delay(randomInt(300))
      await kill(cluster)
    }
    await load.stop()
    await cluster.settled()
    expect(load.acknowledged.length).toBeGreaterThan(KILLS * 5)
    expect(await load.findBroken()).toEqual([])

    // Whatever was cut off is cleaned up: the disks hold exactly what the records name.
    const records = await mongoose.createConnection(cluster.mongoUrl).asPromise()
    try {
      await waitUntil(
        'the disks hold one copy of each live file, and nothing else',
        async () => {
          const live = await records.collection('files').find({ state: 'live' }).toArray()
          const named = live.map((file) => file.chunks[0].replicas[0].copyId as string).sort()
          const copies = await copiesIn(cluster.fileServers.map((member) => member.directory))
          const held = copies
            .map(
              (path) => /([0-9a-f]{32})(-[0-9a-f]{64}|\.part)$/.exec(path)?.[0].replace(/-[0-9a-f]{64}$/, '') ?? path,
            )
            .sort()
          const leaving = await records.collection('files').countDocuments({ state: 'deleted' })
          return (named.join() === held.join() && leaving === 0) || { named: named.length, held: held.length, leaving }
        },
        40_000,
      )
    } finally {
      await records.close()
    }
    for (const { directory } of cluster.fileServers) {
      expect((await walk(`${directory}/tree`)).largestDirectory).toBeLessThanOrEqual(36)
    }
    expect(await load.findBroken()).toEqual([])
  },
  180_000,
)

async function killFileServer(cluster: TestCluster, index: number): Promise<void> {
  await cluster.fileServers[index]?.process.kill()
  await cluster.restartFileServer(index)
}

async function killManager(cluster: TestCluster): Promise<void> {
  await cluster.managers[0]?.process.kill()
  await cluster.restartManager()
}
