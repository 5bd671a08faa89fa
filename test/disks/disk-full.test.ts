import { randomBytes } from 'node:crypto'
import { expect, inject, test } from 'vitest'
import { copiesIn } from '../cluster/disk.ts'
import { download, remove, upload } from '../cluster/http.ts'
import { TestCluster } from '../cluster/test-cluster.ts'
import { waitUntil } from '../cluster/wait-until.ts'

/** No test machine has a disk with so much free, so every disk looks nearly full. */
const NEARLY_FULL = { MIN_FREE_BYTES: '8000TiB' }

test('a file-server whose disk is nearly full takes nothing more, still serves and deletes, and others take its share', async () => {
  await using cluster = await TestCluster.start({ mongoUrl: inject('mongoUrl'), fileServers: 1 })
  const bytes = randomBytes(1_000)
  await upload(cluster.url, 'kept', bytes)
  await upload(cluster.url, 'to-delete', bytes)
  const [member] = cluster.fileServers
  Object.assign(member?.environment ?? {}, NEARLY_FULL)
  await cluster.restartFileServer(0)
  await waitUntil('it is known to be full', async () => (await cluster.activeNodes())[0]?.state === 'full')

  const refused = await upload(cluster.url, 'new', bytes)
  expect([refused.status, refused.code]).toEqual([507, 13])
  expect(JSON.parse(refused.body.toString()).message).toBe('All file-servers are full')
  expect((await download(cluster.url, 'kept')).body.equals(bytes)).toBe(true)
  expect((await remove(cluster.url, 'to-delete')).status).toBe(200)
  await waitUntil('its bytes are gone', async () => (await copiesIn([member?.directory ?? ''])).length === 1)

  cluster.addFileServer()
  await waitUntil('the other one is active', async () =>
    (await cluster.activeNodes()).some((node) => node.state === 'active'),
  )
  expect((await upload(cluster.url, 'new', bytes)).status).toBe(201)
  expect(await copiesIn([cluster.fileServers[1]?.directory ?? ''])).toHaveLength(1)
})
