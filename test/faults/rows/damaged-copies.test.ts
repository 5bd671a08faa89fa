import { randomBytes } from 'node:crypto'
import { open, stat, truncate } from 'node:fs/promises'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { copiesIn } from '../../cluster/disk.ts'
import { upload } from '../../cluster/http.ts'
import { TestCluster } from '../../cluster/test-cluster.ts'
import { LightClient } from '../load/light-client.ts'

const MIB = 1024 * 1024

async function extend(path: string, bytes: Buffer): Promise<void> {
  const file = await open(path, 'a')
  try {
    await file.write(bytes)
  } finally {
    await file.close()
  }
}

/** Leaves the length and none of the bytes, as a power cut may do with a file that was not synced. */
async function zero(path: string, from = 0): Promise<void> {
  const { size } = await stat(path)
  await truncate(path, from)
  await truncate(path, size)
}

/** Each is named by what is left of the copy. */
const damages: Record<string, (path: string, size: number) => Promise<void>> = {
  'a byte short': (path, size) => truncate(path, size - 1),
  'half of it': (path, size) => truncate(path, size / 2),
  'nothing of it': (path) => truncate(path, 0),
  'zeros in its place': (path) => zero(path),
  'zeros at its end': (path, size) => zero(path, size - 10),
  'a byte more': (path) => extend(path, Buffer.from('x')),
  'another block behind it': (path) => extend(path, randomBytes(4_096)),
}

let cluster: TestCluster
beforeAll(async () => {
  cluster = await TestCluster.start({ mongoUrl: inject('mongoUrl'), fileServers: 1 })
})
afterAll(() => cluster[Symbol.asyncDispose]())

test.each([2_000, 300_000, 9 * MIB])(
  'row 17, invariant 3: a copy of %i bytes that is truncated, extended or zeroed is refused',
  async (size) => {
    const { directories } = cluster
    using client = new LightClient()
    for (const [left, damage] of Object.entries(damages)) {
      const name = `${left} of ${size}`
      const known = await copiesIn(directories)
      const bytes = randomBytes(size)
      expect((await upload(cluster.url, name, bytes)).status).toBe(201)
      const [path = ''] = (await copiesIn(directories)).filter((copy) => !known.includes(copy))
      await damage(path, size)
      const { status } = await client.download(cluster.url, name)
      // A status of 0 began with right bytes, and was broken off at the damaged ones.
      expect(size > 4 * MIB ? [0, 503] : [503], name).toContain(status)
    }
  },
  180_000,
)
