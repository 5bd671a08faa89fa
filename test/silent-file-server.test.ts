import { randomBytes } from 'node:crypto'
import { expect, inject, test } from 'vitest'
import { copiesIn } from './cluster/disk.ts'
import { download, upload } from './cluster/http.ts'
import { TestCluster } from './cluster/test-cluster.ts'
import { waitUntil } from './cluster/wait-until.ts'

/** An upload waits two seconds for a file-server before another one is asked, and a little for that one. */
const MOST_MS = 6_000

test('a file-server that stands still holds up no upload, and what it stored late is deleted when it goes on', async () => {
  const managerEnvironment = { UPKEEP_EVERY_MS: '200', RECONCILE_EVERY_MS: '1000', ORPHAN_GRACE_MS: '1000' }
  await using cluster = await TestCluster.start({ mongoUrl: inject('mongoUrl'), fileServers: 2, managerEnvironment })
  const frozen = cluster.fileServers[0]?.process
  frozen?.signal('SIGSTOP')
  const files = [5, 5, 1_000, 200_000, 400_000, 3_000_000].map((size, index) => ({
    name: `f/${index}`,
    bytes: randomBytes(size),
  }))
  const tookMs = await Promise.all(
    files.map(async ({ name, bytes }) => {
      const startedAt = performance.now()
      expect((await upload(cluster.url, name, bytes)).status).toBe(201)
      return performance.now() - startedAt
    }),
  )
  expect(Math.max(...tookMs)).toBeLessThan(MOST_MS)
  for (const { name, bytes } of files) expect((await download(cluster.url, name)).body.equals(bytes)).toBe(true)

  frozen?.signal('SIGCONT')
  await cluster.settled()
  await waitUntil('each file has one copy', async () => {
    const copies = await copiesIn(cluster.directories)
    return copies.length === files.length || copies
  })
  for (const { name, bytes } of files) expect((await download(cluster.url, name)).body.equals(bytes)).toBe(true)
})
