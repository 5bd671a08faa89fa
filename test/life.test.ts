import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { copiesIn } from './cluster/disk.ts'
import { download, remove, upload } from './cluster/http.ts'
import { useTestCluster } from './cluster/use-test-cluster.ts'
import { waitUntil } from './cluster/wait-until.ts'

const managerEnvironment = { ORPHAN_GRACE_MS: '2000', RECONCILE_EVERY_MS: '300', UPKEEP_EVERY_MS: '200' }

describe('one file-server', () => {
  const shared = useTestCluster({ fileServers: 1, managerEnvironment })

  test('invariant 7: a delete succeeds while its file-server is away, stays, and its bytes go when that comes back', async () => {
    const cluster = shared()
    const bytes = randomBytes(3_000)
    await upload(cluster.url, 'gone', bytes)
    await cluster.fileServers[0]?.process.kill()
    await waitUntil('the file-server is away', async () => (await cluster.activeNodes()).length === 0)
    expect((await remove(cluster.url, 'gone')).status).toBe(200)
    expect(await copiesIn([cluster.fileServers[0]?.directory ?? ''])).toHaveLength(1)
    await cluster.restartFileServer(0)
    await waitUntil(
      'the bytes are gone',
      async () => (await copiesIn([cluster.fileServers[0]?.directory ?? ''])).length === 0,
    )
    expect(await download(cluster.url, 'gone')).toMatchObject({ status: 404, code: 2 })
    await cluster.settled()
    expect((await upload(cluster.url, 'gone', bytes)).status).toBe(201)
  })

  test('without a file-server an upload is answered with code 1 before its body, a download with code 4', async () => {
    const cluster = shared()
    await upload(cluster.url, 'there', randomBytes(10))
    await cluster.fileServers[0]?.process.stop()
    await waitUntil('the file-server is away', async () => (await cluster.activeNodes()).length === 0)
    const refused = await upload(cluster.url, 'later', randomBytes(10))
    expect([refused.status, refused.code, refused.headers.get('retry-after')]).toEqual([503, 1, '2'])
    expect(JSON.parse(refused.body.toString())).toMatchObject({
      error: 'SERVERS_UNAVAILABLE',
      message: 'Servers unavailable',
    })
    const unavailable = await download(cluster.url, 'there')
    expect([unavailable.status, unavailable.code]).toEqual([503, 4])
    await cluster.restartFileServer(0)
    await cluster.settled()
    expect((await download(cluster.url, 'there')).status).toBe(200)
  })

  test('a second file-server on the same data directory is refused in one sentence, exit code 1', async () => {
    const cluster = shared()
    const directory = cluster.fileServers[0]?.directory ?? ''
    cluster.addFileServer({ DATA_DIR: directory })
    const second = cluster.fileServers[1]?.process
    expect(await second?.exited).toBe(1)
    expect(String(second?.lines.at(-1)?.reason)).toContain('in use')
    expect((await cluster.activeNodes()).length).toBe(1)
  })
})

describe('two file-servers', () => {
  const shared = useTestCluster({ fileServers: 2, managerEnvironment })

  test('invariant 7: reconcile passes over and over a live file and never collects it', async () => {
    const cluster = shared()
    const files = Array.from({ length: 40 }, (_, index) => ({ name: `live-${index}`, bytes: randomBytes(index * 400) }))
    for (const { name, bytes } of files) await upload(cluster.url, name, bytes)
    await cluster.restartManager()
    await cluster.settled()
    // An upload that is cut off shows that passes come and collect: the orphan goes, and the live files stay.
    const orphan = new AbortController()
    const slow = fetch(`${cluster.url}/file`, {
      method: 'POST',
      duplex: 'half',
      signal: orphan.signal,
      body: new ReadableStream({
        start: (controller) => controller.enqueue(Buffer.from(`{"filename":"never","file":"${'A'.repeat(1_000_000)}`)),
      }),
    } as RequestInit)
    const settled = slow.then(
      () => 'answered',
      () => 'cut off',
    )
    await waitUntil('the upload has begun', async () =>
      (await copiesIn(cluster.fileServers.map((m) => m.directory))).some((path) => path.endsWith('.part')),
    )
    orphan.abort()
    expect(await settled).toBe('cut off')
    await waitUntil(
      'nothing of it is left',
      async () => (await copiesIn(cluster.fileServers.map((m) => m.directory))).length === files.length,
    )
    for (const { name, bytes } of files) expect((await download(cluster.url, name)).body.equals(bytes)).toBe(true)
    expect((await download(cluster.url, 'never')).status).toBe(404)
  })

  test('a manager is restarted while file-servers run, and they come back to it by themselves', async () => {
    const cluster = shared()
    await upload(cluster.url, 'before', Buffer.from('before'))
    await cluster.restartManager()
    await cluster.settled()
    expect((await download(cluster.url, 'before')).body.toString()).toBe('before')
    expect((await upload(cluster.url, 'after', Buffer.from('after'))).status).toBe(201)
  })

  test('any of several managers serves any request, and file-servers learn of the others from the first', async () => {
    const cluster = shared()
    await cluster.addManager()
    await waitUntil(
      'both file-servers have dialled the new manager',
      async () => (await cluster.activeNodes(1)).length === 2,
      30_000,
    )
    const [first, second] = cluster.managers.map((manager) => manager.url)
    expect((await upload(first ?? '', 'shared', Buffer.from('bytes'))).status).toBe(201)
    expect((await download(second ?? '', 'shared')).body.toString()).toBe('bytes')
    expect((await upload(second ?? '', 'shared', Buffer.from('other'))).code).toBe(3)
    expect((await remove(second ?? '', 'shared')).status).toBe(200)
    expect((await download(first ?? '', 'shared')).code).toBe(2)
  }, 180_000)
})
