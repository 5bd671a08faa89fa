import { randomBytes } from 'node:crypto'
import { StoreError } from '@holdfast/shared/errors/store-error'
import type { FileName } from '@holdfast/shared/file-name'
import type { ServerId } from '@holdfast/shared/ids'
import { createLogger } from '@holdfast/shared/node/logger'
import { expect, inject, test } from 'vitest'
import { testInFull } from '../../../test/full-run.ts'
import type { FileServerRegistry } from '../../src/chunks/registry.ts'
import { garbageCollector } from '../../src/upkeep/collect-garbage.ts'
import { FaultCluster } from './fault-cluster.ts'
import { instead } from './gates.ts'

const log = createLogger('test', 'silent')

/** The collector needs more than one batch for so many. */
const LONG_WAITING = 250

const newCopyId = (): string => randomBytes(16).toString('hex')

/** Wraps the registry so that every delete fails on one file-server, as on a disk that went read-only. */
function withFailingDeletes(registry: FileServerRegistry, broken: ServerId): FileServerRegistry {
  const wrap = (link: (typeof registry.links)[number]) =>
    link.id === broken ? instead(link, 'call', () => Promise.reject(new StoreError('DISK_FAILED'))) : link
  return new Proxy(registry, {
    get(_, key) {
      if (key === 'links') return registry.links.map(wrap)
      if (key === 'find') return (id: ServerId) => registry.links.map(wrap).find((link) => link.id === id)
      const value: unknown = Reflect.get(registry, key, registry)
      return typeof value === 'function' ? value.bind(registry) : value
    },
  })
}

test('a file-server whose deletes fail keeps the bytes on none of the others', async () => {
  await using cluster = await FaultCluster.start({ mongoUrl: inject('mongoUrl'), managers: 1, fileServers: 2 })
  const { registry, records, holders } = cluster.first
  const files = cluster.connection.collection('files')
  const uploaded = await Promise.all(Array.from({ length: 20 }, (_, i) => cluster.upload(`f-${i}`, randomBytes(10))))
  for (const { name } of uploaded) await records.markDeleted(name)
  const [broken = '' as ServerId] = registry.links.map((link) => link.id)
  const waiting = Array.from({ length: LONG_WAITING }, () => ({
    state: 'deleted',
    deletedAt: new Date(0),
    chunks: [{ size: 0, sha256: '', replicas: [{ server: broken, slot: 1_000_000, copyId: newCopyId() }], version: 0 }],
  }))
  await files.insertMany(waiting)
  const collector = garbageCollector({ registry: withFailingDeletes(registry, broken), records, holders, log }, 1_000)
  await collector.run(new AbortController().signal)
  expect(await files.distinct('chunks.replicas.server')).toEqual([broken])
  expect(await cluster.copies()).toHaveLength((await files.countDocuments()) - LONG_WAITING)
})

testInFull(
  'copies on a file-server whose deletes fail keep no others of their files, and no files behind them, from going',
  async () => {
    await using cluster = await FaultCluster.start({ mongoUrl: inject('mongoUrl'), managers: 1, fileServers: 2 })
    const { registry, records, holders } = cluster.first
    const files = cluster.connection.collection('files')
    const [broken = '' as ServerId] = registry.links.map((link) => link.id)
    const leaving = { server: broken, slot: 1_000_000, copyId: newCopyId() }
    for (let index = 0; index < 40; index++) await cluster.upload(`f-${index}`, randomBytes(10))
    // As after moves away from the broken disk: the copy that counts is on the other file-server.
    await files.updateMany({ 'chunks.replicas.server': { $ne: broken } }, { $set: { 'chunks.0.leaving': [leaving] } })
    for (let index = 0; index < 40; index++) await records.markDeleted(`f-${index}` as FileName)
    const collector = garbageCollector({ registry: withFailingDeletes(registry, broken), records, holders, log }, 1_000)
    await collector.run(new AbortController().signal)
    const healthy = { $elemMatch: { server: { $ne: broken } } }
    expect(await files.countDocuments({ 'chunks.replicas': healthy })).toBe(0)
    expect(await files.countDocuments({ 'chunks.leaving.server': broken })).toBeGreaterThan(16)
  },
)

test('looking for what has to go reads the records of deleted files, not those of all files', async () => {
  await using cluster = await FaultCluster.start({ mongoUrl: inject('mongoUrl'), managers: 1, fileServers: 1 })
  const { registry, records, holders } = cluster.first
  await Promise.all(Array.from({ length: 50 }, (_, index) => cluster.upload(`f-${index}`, randomBytes(10))))
  await cluster.connection.db?.command({ profile: 2 })
  await garbageCollector({ registry, records, holders, log }, 1_000).run(new AbortController().signal)
  await cluster.connection.db?.command({ profile: 0 })
  const seen = await cluster.connection
    .collection('system.profile')
    .find({ ns: /\.files$/ })
    .toArray()
  expect(seen.length).toBeGreaterThanOrEqual(3)
  expect(seen.map((operation) => operation.docsExamined)).toEqual(seen.map(() => 0))
})
