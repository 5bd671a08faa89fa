import { randomBytes } from 'node:crypto'
import { cp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { createLogger } from '@holdfast/shared/node/logger'
import { expect, inject, test } from 'vitest'
import { testInFull } from '../../../../test/full-run.ts'
import type { Replica } from '../../../src/chunks/chunk.ts'
import { BadReplicaReports } from '../../../src/files/bad-replica-reports.ts'
import type { HolderRecords } from '../../../src/files/holder-records.ts'
import { FaultCluster, type ManagerDeps, useFaultCluster } from '../fault-cluster.ts'
import { gate, instead } from '../gates.ts'

const shared = useFaultCluster(4)
const quiet = createLogger('test', 'silent')
const lost = () => Promise.reject(new StoreError('DATABASE_UNAVAILABLE'))
/** The first chunk travels in frames, the second in one message. */
const chunks = [randomBytes(700_000), randomBytes(20_000)]
const bytes = Buffer.concat(chunks)

/** @returns the names of the file-servers that have good replicas of each chunk, in order */
async function placesOf(cluster: FaultCluster, name: string): Promise<string[][]> {
  const { chunks: found } = await cluster.recordOf(name)
  return found.map(({ replicas }) =>
    replicas.map(({ server, bad }) => `${nameOf(cluster, server)}${bad ? ` ${bad}` : ''}`).sort(),
  )
}

function nameOf(cluster: FaultCluster, id: string): string {
  return cluster.first.registry.links.find((link) => link.id === id)?.name ?? 'away'
}

async function expectWhole(cluster: FaultCluster, ...names: string[]): Promise<void> {
  for (const name of names) {
    expect((await cluster.read(name))?.equals(bytes)).toBe(true)
    const record = await cluster.recordOf(name)
    expect(record.short).toBeUndefined()
    for (const { replicas } of record.chunks) {
      expect(replicas.filter(({ bad }) => bad === undefined)).toHaveLength(2)
      expect(new Set(replicas.map(({ server }) => server)).size).toBe(2)
    }
  }
}

test('invariant 8: what a lost file-server had is healed on others, and goes from it when it is back', async () => {
  const cluster = shared()
  for (const name of ['a', 'b', 'c']) await cluster.uploadReplicated(name, chunks, ['1', '2'])
  await cluster.upload('single', randomBytes(500))
  await cluster.noteFileServers()
  await cluster.killFileServer('1')
  await cluster.waitForLoss('1')
  expect(await cluster.heal()).toBeUndefined()
  await expectWhole(cluster, 'a', 'b', 'c')
  for (const places of await placesOf(cluster, 'a')) expect(places).not.toContain('away')
  await cluster.startFileServer('1')
  await cluster.noteFileServers()
  expect(await cluster.reconcile()).toMatchObject(Array(4).fill({ orphanCount: 0, missingCount: 0 }))
  await cluster.collectGarbage()
  expect(await cluster.heal()).toBeUndefined()
  expect(await cluster.copies()).toHaveLength(13)
  await expectWhole(cluster, 'a', 'b', 'c')
})

testInFull(
  'a lost file-server that comes back in the middle leaves no chunk with more replicas than it should have',
  async () => {
    const cluster = shared()
    for (const name of ['a', 'b']) await cluster.uploadReplicated(name, chunks, ['1', '2'])
    await cluster.noteFileServers()
    await cluster.killFileServer('1')
    await cluster.waitForLoss('1')
    const asleep = gate(cluster.first.holders, 'changeReplicas', 'before')
    const healing = cluster.heal({ ...cluster.first, holders: asleep.gated })
    await asleep.reached
    await cluster.startFileServer('1')
    await cluster.noteFileServers()
    asleep.open()
    await healing
    await cluster.heal()
    await cluster.collectGarbage()
    await expectWhole(cluster, 'a', 'b')
    expect(await cluster.copies()).toHaveLength(8)
  },
)

test('a surplus goes once the others were verified, and not while one of them is damaged', async () => {
  const cluster = shared()
  const record = await cluster.uploadReplicated('three', chunks, ['1', '2', '3'])
  await cluster.connection.collection('files').updateOne({ _id: record._id }, { $set: { short: 2 } })
  for (const index of [0, 1]) await damage(cluster, record.chunks[0]?.replicas[index])
  await cluster.replicator().run(new AbortController().signal)
  const [judged] = (await cluster.recordOf('three')).chunks
  expect(judged?.replicas.some(({ bad }) => bad === 'damaged')).toBe(true)
  expect(judged?.leaving ?? []).toEqual([])
  await cluster.heal()
  await cluster.collectGarbage()
  await cluster.heal()
  await cluster.collectGarbage()
  await expectWhole(cluster, 'three')
  expect(await cluster.copies()).toHaveLength(4)
})

testInFull('while fewer than half are there none is lost, and nothing is copied', async () => {
  const cluster = shared()
  await cluster.uploadReplicated('a', chunks, ['1', '2'])
  await cluster.noteFileServers()
  for (const name of ['1', '3', '4']) await cluster.killFileServer(name)
  const directory = cluster.directoryOf(cluster.first)
  await expect.poll(async () => (await directory.read()).filter(({ isActive }) => isActive).length).toBe(1)
  expect((await directory.review(1e9)).filter(({ isLost }) => isLost)).toEqual([])
  expect(await cluster.heal()).toBeUndefined()
  expect(await placesOf(cluster, 'a')).toEqual([
    ['2', 'away'],
    ['2', 'away'],
  ])
})

async function damage(cluster: FaultCluster, replica: Replica | undefined): Promise<string> {
  const path = (await cluster.copies()).find((copy) => replica !== undefined && copy.includes(replica.copyId))
  if (replica === undefined || path === undefined) throw new Error('no such copy')
  const { size = 0 } = (await cluster.recordOf('three').catch(() => null))?.chunks[0] ?? {}
  await writeFile(path, randomBytes(size || 700_000))
  return path
}

test('a damaged replica that a reader reports is replaced and deleted', async () => {
  const cluster = shared()
  const record = await cluster.uploadReplicated('a', chunks, ['1', '2'])
  const [replica] = record.chunks[0]?.replicas ?? []
  if (replica === undefined) throw new Error('no replica')
  const path = await damage(cluster, replica)
  let wokenCount = 0
  const onMarked = () => wokenCount++
  const reports = new BadReplicaReports({ holders: cluster.second.holders, onMarked, log: quiet })
  for (let reader = 0; reader < 50; reader++) reports.report(replica, 'damaged')
  await expect.poll(() => wokenCount).toBe(1)
  await reports.close()
  expect(await cluster.recordOf('a')).toMatchObject({ short: 1 })
  expect(await cluster.heal()).toBeUndefined()
  await expectWhole(cluster, 'a')
  await cluster.collectGarbage()
  expect(await cluster.copies()).toHaveLength(4)
  expect(await cluster.copies()).not.toContain(path)
})

testInFull(
  'a chunk whose last sound copy is gone is kept and told, and the others of its file are healed',
  async () => {
    const cluster = shared()
    const record = await cluster.uploadReplicated('a', chunks, ['1', '2'])
    await damage(cluster, record.chunks[0]?.replicas[1])
    await cluster.noteFileServers()
    await cluster.killFileServer('1')
    await cluster.waitForLoss('1')
    expect(await cluster.heal()).toBe('1 chunk: no sound copy is left')
    const after = await cluster.recordOf('a')
    expect(after.short).toBe(0)
    expect(after.chunks[0]?.replicas.map(({ bad }) => bad)).toEqual([undefined, 'damaged'])
    expect(after.chunks[1]?.replicas.map(({ server }) => nameOf(cluster, server))).not.toContain('away')
    // The lost file-server has the chunk, so all is well when it comes back.
    await cluster.startFileServer('1')
    await cluster.noteFileServers()
    expect(await cluster.heal()).toBeUndefined()
    await expectWhole(cluster, 'a')
  },
)

test('a chunk whose replicas are all marked is healed from one that can be read after all', async () => {
  const cluster = shared()
  const record = await cluster.uploadReplicated('a', chunks, ['1', '2'])
  for (const { replicas } of record.chunks)
    for (const replica of replicas) await cluster.first.holders.markBad(replica, 'damaged')
  expect((await cluster.recordOf('a')).short).toBe(0)
  await damage(cluster, record.chunks[0]?.replicas[0])
  expect(await cluster.heal()).toBeUndefined()
  await cluster.collectGarbage()
  await expectWhole(cluster, 'a')
  expect(await cluster.copies()).toHaveLength(4)
})

testInFull('a round is over after its time, and the next one goes on with what it left', async () => {
  const cluster = shared()
  for (const name of ['a', 'b']) await cluster.uploadReplicated(name, chunks, ['1', '2'])
  await cluster.noteFileServers()
  await cluster.killFileServer('1')
  await cluster.waitForLoss('1')
  const signal = new AbortController().signal
  // These rounds are over before they begin a copy.
  const hurried = cluster.replicator(cluster.first, { roundMs: 0 })
  for (let round = 0; round < 3; round++) await hurried.run(signal)
  for (const name of ['a', 'b']) expect((await cluster.recordOf(name)).short).toBe(1)
  expect(await cluster.heal()).toBeUndefined()
  await expectWhole(cluster, 'a', 'b')
})

/** The lock is a socket, which nobody can copy. */
const copyDirectory = (from: string, to: string): Promise<void> =>
  cp(from, to, { recursive: true, filter: (path) => !path.endsWith('/lock') })

/** Ends a file-server, and starts it with what `directory` holds. */
async function rollBack(cluster: FaultCluster, name: string, directory: string): Promise<void> {
  await cluster.killFileServer(name)
  const own = cluster.fileServers[Number(name) - 1]?.directory ?? ''
  await rm(own, { recursive: true })
  await copyDirectory(directory, own)
  await cluster.startFileServer(name)
}

/** @returns a copy of a file-server's directory, made while it is off */
async function backUp(cluster: FaultCluster, name: string): Promise<string> {
  await cluster.killFileServer(name)
  const own = cluster.fileServers[Number(name) - 1]?.directory ?? ''
  const copy = join(own, '..', `backup-${randomBytes(4).toString('hex')}`)
  await copyDirectory(own, copy)
  await cluster.startFileServer(name)
  return copy
}

testInFull(
  'a file-server that was restored from an old copy of its directory: what it misses is marked, and healed',
  async () => {
    const cluster = shared()
    for (const name of ['old-1', 'old-2', 'old-3']) await cluster.uploadReplicated(name, chunks, ['1', '2'])
    const backup = await backUp(cluster, '1')
    await cluster.uploadReplicated('new', chunks, ['1', '2'])
    await rollBack(cluster, '1', backup)
    await cluster.noteFileServers()
    const reports = await cluster.reconcile(cluster.second, 5)
    expect(reports.map(({ markedCount }) => markedCount).sort()).toEqual([0, 0, 0, 2])
    expect(reports.some(({ isMissingShare }) => isMissingShare)).toBe(false)
    expect(await placesOf(cluster, 'new')).toEqual([
      ['1 missing', '2'],
      ['1 missing', '2'],
    ])
    expect(await cluster.heal()).toBeUndefined()
    await cluster.collectGarbage()
    await expectWhole(cluster, 'old-1', 'old-2', 'old-3', 'new')
    expect(await cluster.copies()).toHaveLength(16)
  },
)

testInFull(
  'where an unlikely share is missing it is copied and nothing is dropped, and it counts again when it is back',
  async () => {
    const cluster = shared()
    const empty = await backUp(cluster, '1')
    const names = ['a', 'b', 'c', 'd']
    for (const name of names) await cluster.uploadReplicated(name, chunks, ['1', '2'])
    const full = await backUp(cluster, '1')
    await rollBack(cluster, '1', empty)
    await cluster.noteFileServers()
    const reports = await cluster.reconcile(cluster.second, 5)
    expect(reports.filter(({ isMissingShare }) => isMissingShare)).toMatchObject([{ missingCount: 8, markedCount: 8 }])
    expect(await cluster.heal()).toBeUndefined()
    for (const name of names) {
      for (const places of await placesOf(cluster, name)) expect(places).toEqual(['1 missing', '2', expect.anything()])
      expect((await cluster.recordOf(name)).short).toBe(2)
      expect((await cluster.read(name))?.equals(bytes)).toBe(true)
    }
    await rollBack(cluster, '1', full)
    await cluster.noteFileServers()
    const recounted = await cluster.reconcile(cluster.second, 5)
    expect(recounted.reduce((sum, report) => sum + report.recountedCount, 0)).toBe(8)
    expect(await cluster.heal()).toBeUndefined()
    await cluster.collectGarbage()
    await expectWhole(cluster, ...names)
    expect(await cluster.copies()).toHaveLength(16)
  },
)

test('two managers that heal at once leave every chunk with just its replicas', async () => {
  const cluster = shared()
  const names = ['a', 'b', 'c', 'd', 'e']
  for (const name of names) await cluster.uploadReplicated(name, chunks, ['1', '2'])
  await cluster.noteFileServers()
  await cluster.killFileServer('1')
  await cluster.waitForLoss('1')
  await Promise.all([cluster.heal(cluster.first), cluster.heal(cluster.second)])
  await cluster.heal()
  await expectWhole(cluster, ...names)
  await cluster.startFileServer('1')
  await cluster.noteFileServers()
  await cluster.collectGarbage()
  await cluster.reconcile()
  await expectWhole(cluster, ...names)
  expect(await cluster.copies()).toHaveLength(20)
})

/** Each row cuts a manager off at one step of a heal. */
const cutOff: [string, (holders: HolderRecords) => HolderRecords][] = [
  ['before the record is changed', (holders) => instead(holders, 'changeReplicas', lost)],
  [
    'after the record was changed, not knowing it',
    (holders) => instead(holders, 'changeReplicas', (work) => work().then(lost)),
  ],
  ['before `short` is settled', (holders) => instead(holders, 'settleShort', lost)],
]

test.each(cutOff)('a heal that is cut off %s loses nothing, and another manager ends it', async (_, cut) => {
  const cluster = shared()
  for (const name of ['a', 'b']) await cluster.uploadReplicated(name, chunks, ['1', '2'])
  await cluster.noteFileServers()
  await cluster.killFileServer('1')
  await cluster.waitForLoss('1')
  const first: ManagerDeps = { ...cluster.first, holders: cut(cluster.first.holders) }
  await cluster
    .replicator(first)
    .run(new AbortController().signal)
    .catch(() => undefined)
  for (const name of ['a', 'b']) expect((await cluster.read(name))?.equals(bytes)).toBe(true)
  await cluster.heal(cluster.second)
  await cluster.startFileServer('1')
  await cluster.noteFileServers()
  await cluster.reconcile()
  await cluster.collectGarbage()
  await expectWhole(cluster, 'a', 'b')
  expect(await cluster.copies()).toHaveLength(8)
})

test('a file that is deleted while it is healed stays deleted, and leaves no bytes', async () => {
  const cluster = shared()
  await cluster.uploadReplicated('a', chunks, ['1', '2'])
  await cluster.noteFileServers()
  await cluster.killFileServer('1')
  await cluster.waitForLoss('1')
  const asleep = gate(cluster.first.holders, 'changeReplicas', 'before')
  const healing = cluster.heal({ ...cluster.first, holders: asleep.gated })
  await asleep.reached
  await cluster.first.records.markDeleted('a' as never)
  asleep.open()
  await healing
  await cluster.startFileServer('1')
  await cluster.collectGarbage()
  await expect.poll(() => cluster.copies()).toEqual([])
  expect(await cluster.read('a')).toBeNull()
})

testInFull(
  'with nothing to go to the loop says that it is stuck, and goes on when a file-server comes; the lost one is forgotten',
  async () => {
    await using cluster = await FaultCluster.start({ mongoUrl: inject('mongoUrl'), fileServers: 2 })
    await cluster.uploadReplicated('a', chunks, ['1', '2'])
    await cluster.noteFileServers()
    await cluster.killFileServer('1')
    await cluster.waitForLoss('1')
    const loop = cluster.replicator()
    expect(await cluster.heal(cluster.first, loop)).toBe('2 chunks: no file-server can take a copy')
    expect((await cluster.recordOf('a')).short).toBe(1)
    await cluster.startFileServer('1', `${cluster.fileServers[0]?.directory}-new`)
    expect(await cluster.heal(cluster.first, loop)).toBeUndefined()
    await expectWhole(cluster, 'a')
    const isLost = async (): Promise<number> =>
      (await cluster.directoryOf(cluster.first).read()).filter((server) => server.isLost).length
    expect(await isLost()).toBe(1)
    // After a week nobody waits for it any more.
    const lostAt = new Date(Date.now() - 8 * 24 * 3_600_000)
    await cluster.connection.collection('fileServers').updateMany({ lostAt: { $exists: true } }, { $set: { lostAt } })
    await cluster.heal(cluster.first, loop)
    expect(await isLost()).toBe(0)
    expect((await cluster.recordOf('a')).chunks.flatMap(({ leaving = [] }) => leaving)).toEqual([])
  },
)
