import { randomBytes } from 'node:crypto'
import mongoose from 'mongoose'
import { describe, expect, inject, test } from 'vitest'
import { copiesIn } from './cluster/disk.ts'
import { download, upload } from './cluster/http.ts'
import { TestCluster } from './cluster/test-cluster.ts'
import { useTestCluster } from './cluster/use-test-cluster.ts'
import { waitUntil } from './cluster/wait-until.ts'
import { endDeadLease } from './faults/cluster/dead-lease.ts'
import { isFullRun, testInFull } from './full-run.ts'

const hasty = {
  ...{ UPKEEP_EVERY_MS: '200', RECONCILE_EVERY_MS: '500', ORPHAN_GRACE_MS: '5000' },
  FILE_SERVER_GRACE_MS: '3000',
}

interface Status {
  readonly manager: string
  readonly loops: readonly { readonly name: string; readonly state: string; readonly done: number }[]
  readonly chunks: { readonly total: number; readonly byReplicas: Record<string, number> } | null
  readonly fileServers: { readonly known: number; readonly active: number; readonly lost: readonly { name: string }[] }
  readonly halted: readonly unknown[]
}

const upkeepOf = async (url: string): Promise<Status | null> => (await (await fetch(`${url}/upkeep`)).json()) as Status

/** Uploads files and makes them of class `replicated` with one replica, as a degraded upload leaves them. */
async function uploadShort(cluster: TestCluster, names: readonly string[]): Promise<Map<string, Buffer>> {
  const files = new Map(names.map((name) => [name, randomBytes(20_000)]))
  for (const [name, bytes] of files) expect((await upload(cluster.url, name, bytes)).status).toBe(201)
  const connection = await mongoose.createConnection(cluster.mongoUrl).asPromise()
  try {
    const short = { $set: { storageClass: 'replicated', short: 1 } }
    await connection.collection('files').updateMany({ state: 'live', storageClass: 'single' }, short)
  } finally {
    await connection.close()
  }
  return files
}

async function expectTwoOfEach(cluster: TestCluster, files: ReadonlyMap<string, Buffer>): Promise<void> {
  await waitUntil('every chunk has two replicas', async () => {
    const chunks = (await upkeepOf(cluster.url))?.chunks
    return (chunks?.total === files.size && chunks.byReplicas['2'] === files.size) || chunks
  })
  await waitUntil('two copies of each are left', async () => {
    const copies = await copiesIn(cluster.directories)
    return copies.length === 2 * files.size || copies.length
  })
  for (const [name, bytes] of files) expect((await download(cluster.url, name)).body.equals(bytes)).toBe(true)
}

testInFull(
  'files that came with another number of replicas are given the one that is wished for now, or lose what is too much',
  async () => {
    await using cluster = await TestCluster.start({
      mongoUrl: inject('mongoUrl'),
      managerEnvironment: { ...hasty, FILE_SERVER_GRACE_MS: '60000', REPLICAS: '1' },
    })
    await cluster.settled()
    const files = new Map(['small', 'large'].map((name, large) => [name, randomBytes(large ? 5_000_000 : 20_000)]))
    for (const [name, bytes] of files) {
      const put = await fetch(`${cluster.url}/file/${name}`, { method: 'PUT', body: bytes })
      expect(put.status).toBe(201)
    }
    const copyCount = async (wanted: number) => {
      const copies = await copiesIn(cluster.directories)
      return copies.length === wanted || copies.length
    }
    await waitUntil('each chunk has one replica', () => copyCount(3))
    for (const replicas of [3, 2]) {
      await cluster.restartManager(0, { REPLICAS: String(replicas) })
      await cluster.settled()
      await waitUntil(`each chunk has ${replicas} replicas`, () => copyCount(3 * replicas))
    }
    for (const [name, bytes] of files) {
      const { status, body } = await download(cluster.url, name)
      expect([status, body.length]).toEqual([200, bytes.length])
      expect(body.equals(bytes)).toBe(true)
    }
  },
)

test('every manager tells how upkeep goes, and which file-servers are lost', async () => {
  await using cluster = await TestCluster.start({
    mongoUrl: inject('mongoUrl'),
    managers: 2,
    managerEnvironment: hasty,
  })
  const lostNames = async (): Promise<unknown> => {
    const told = await Promise.all(cluster.managers.map(({ url }) => upkeepOf(url)))
    expect(told[0]?.manager).toBe(told[1]?.manager)
    return told.map((status) => status?.fileServers.lost.map(({ name }) => name).join()).join(';')
  }
  await waitUntil('upkeep is told', async () => (await upkeepOf(cluster.url))?.fileServers.active === 3)
  const status = await upkeepOf(cluster.url)
  expect(status?.loops.map(({ name }) => name)).toEqual([
    ...['collect-garbage', 'end-expired', 'replicate', 'rebalance', 'reconcile', 'count-chunks', 'check-audio'],
    ...['hash-torrent', 'pull-torrent'],
  ])
  expect(status).toMatchObject({ fileServers: { known: 3, lost: [] }, halted: [] })
  // One on which nothing is named would be forgotten.
  for (let index = 0; index < 9; index++)
    expect((await upload(cluster.url, `f-${index}`, randomBytes(300_000))).status).toBe(201)
  await cluster.fileServers[1]?.process.kill()
  await waitUntil('it is lost', async () => (await lostNames()) === '2;2' || lostNames())
  await cluster.restartFileServer(1)
  await waitUntil('it is back', async () => (await lostNames()) === ';' || lostNames())
})

describe.runIf(isFullRun)('a manager that is killed in the middle of a heal', () => {
  const shared = useTestCluster({ managerEnvironment: hasty })
  const files = new Map<string, Buffer>()

  test.each(['manager.before-copy', 'manager.before-add', 'manager.after-add'])(
    'at %s loses nothing, and the next one ends the heal',
    async (point) => {
      const cluster = shared()
      await cluster.restartManager(0, { FP: `${point}:kill:2`, UPKEEP_EVERY_MS: '100' })
      await cluster.settled()
      const dying = cluster.managers[0]?.process
      const names = Array.from({ length: 10 }, (_, index) => `${point} ${index}`)
      for (const [name, bytes] of await uploadShort(cluster, names)) files.set(name, bytes)
      await dying?.exited
      await endDeadLease(cluster.mongoUrl, [])
      await cluster.restartManager()
      await cluster.settled()
      await expectTwoOfEach(cluster, files)
    },
  )
})
