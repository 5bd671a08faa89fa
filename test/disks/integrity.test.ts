import { randomBytes } from 'node:crypto'
import { open, truncate, unlink } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { copiesIn } from '../cluster/disk.ts'
import { download, readBroken, request, upload } from '../cluster/http.ts'
import { useTestCluster } from '../cluster/use-test-cluster.ts'

const MIB = 1024 * 1024
const shared = useTestCluster({ fileServers: 1 })

async function flipBit(path: string, position: number): Promise<void> {
  const file = await open(path, 'r+')
  try {
    const { buffer } = await file.read(Buffer.alloc(1), 0, 1, position)
    await file.write(Buffer.from([(buffer[0] ?? 0) ^ 1]), 0, 1, position)
  } finally {
    await file.close()
  }
}

test('invariant 3: a flipped bit, a shortened, an emptied and a removed copy never become wrong bytes', async () => {
  const cluster = shared()
  const { directories } = cluster
  const harm: Record<string, (path: string) => Promise<void>> = {
    flipped: (path) => flipBit(path, 1_000),
    shortened: (path) => truncate(path, 1_999),
    emptied: (path) => truncate(path, 0),
    removed: (path) => unlink(path),
  }
  for (const [name, act] of Object.entries(harm)) {
    const known = await copiesIn(directories)
    await upload(cluster.url, name, randomBytes(2_000))
    const [path] = (await copiesIn(directories)).filter((copy) => !known.includes(copy))
    await act(path ?? '')
    expect(await download(cluster.url, name), name).toMatchObject({ status: 503, code: 4 })
  }
})

test('invariant 3: damage in a later part ends the download with an error, after right bytes only', async () => {
  const cluster = shared()
  const bytes = randomBytes(9 * MIB)
  const known = await copiesIn(cluster.directories)
  await upload(cluster.url, 'large', bytes)
  const [path] = (await copiesIn(cluster.directories)).filter((copy) => !known.includes(copy))
  await flipBit(path ?? '', 8 * MIB + 1)

  const got = await readBroken(`${cluster.url}/file/large`)
  expect(got.length).toBeLessThanOrEqual(8 * MIB)
  expect(got.equals(bytes.subarray(0, got.length))).toBe(true)
  const whole = await request(`${cluster.url}/file/large`, { headers: { range: `bytes=0-${8 * MIB - 1}` } })
  expect([whole.status, whole.body.equals(bytes.subarray(0, 8 * MIB))]).toEqual([206, true])
})
