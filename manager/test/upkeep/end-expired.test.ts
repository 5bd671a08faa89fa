import { createLogger } from '@holdfast/shared/node/logger'
import { Types } from 'mongoose'
import { beforeEach, expect, test } from 'vitest'
import type { FileRecord } from '../../src/files/file.model.ts'
import { FileRecords } from '../../src/files/file-records.ts'
import { expirer } from '../../src/upkeep/end-expired.ts'
import { newChunk, newName, newRecord, newReplica, useDatabase } from '../mongo/mongo-fixture.ts'

const used = useDatabase()
const HOUR_MS = 3_600_000
let records: FileRecords
beforeEach(async () => {
  records = new FileRecords(used.model)
  await used.model.deleteMany({})
})

const run = () => expirer({ records, log: createLogger('test', 'silent') }, 1_000).run(new AbortController().signal)
const stored = async (fields: Partial<FileRecord>): Promise<FileRecord> => {
  const record = newRecord(newName(), fields)
  await records.insert(record)
  return record
}
const find = (record: FileRecord) => used.model.findById(record._id).lean<FileRecord>()
const dueInMs = ({ deletedAt, bytesDueAt }: Pick<FileRecord, 'deletedAt' | 'bytesDueAt'>): number =>
  (bytesDueAt?.getTime() ?? 0) - (deletedAt?.getTime() ?? 0)

test('a file that has expired ends, its bytes an hour later, and one that has not stays', async () => {
  const expired = await stored({ expiresAt: new Date(Date.now() - 1_000) })
  const others = [await stored({ expiresAt: new Date(Date.now() + 60_000) }), await stored({ expiresAt: null })]
  await run()
  const ended = (await find(expired)) as FileRecord
  expect(ended.state).toBe('deleted')
  expect(dueInMs(ended)).toBe(HOUR_MS)
  for (const record of others) expect((await find(record))?.state).toBe('live')
})

test('an open file that nobody goes on with ends, and its bytes at once', async () => {
  const abandoned = await stored({ state: 'open', touchedAt: new Date(Date.now() - HOUR_MS - 1_000) })
  const open = await stored({ state: 'open', touchedAt: new Date(Date.now() - HOUR_MS + 60_000) })
  await run()
  const ended = (await find(abandoned)) as FileRecord
  expect([ended.state, dueInMs(ended)]).toEqual(['deleted', 0])
  expect((await find(open))?.state).toBe('open')
})

test('the extents of an ended file end with it, and its record is not forgotten before', async () => {
  const file = await stored({ extents: 2, chunks: [] })
  const extents = [1, 2].map((extent) => {
    const _id = new Types.ObjectId()
    return {
      _id,
      state: 'live',
      storageClass: 'replicated',
      createdAt: new Date(),
      fileId: file._id,
      extent,
      chunks: [newChunk([newReplica(_id)])],
    }
  })
  await used.model.collection.insertMany(extents as never)
  const other = { ...extents[0], _id: new Types.ObjectId(), fileId: new Types.ObjectId() }
  await used.model.collection.insertOne(other as never)

  await records.markDeleted(file.name)
  await records.ended.forget(file._id)
  await records.ended.forgetEmptied()
  expect((await find(file))?.extents).toBe(2)

  await run()
  const ended = (await find(file)) as FileRecord
  expect(ended.extents).toBeUndefined()
  for (const { _id } of extents) {
    expect(await used.model.findById(_id).lean()).toMatchObject({ state: 'deleted', bytesDueAt: ended.bytesDueAt })
  }
  expect(await used.model.findById(other._id).lean()).toMatchObject({ state: 'live' })
  await records.ended.forgetEmptied()
  expect(await find(file)).toBeNull()
})

test('an extent that was written after its file had ended goes, and those of all other files stay', async () => {
  const extentOf = async (fileId: Types.ObjectId, createdAt = new Date(Date.now() - 2 * HOUR_MS)) => {
    const _id = new Types.ObjectId()
    const extent = { _id, state: 'live', storageClass: 'replicated', createdAt, fileId, extent: 1 }
    await used.model.collection.insertOne({ ...extent, chunks: [newChunk([newReplica(_id)])] } as never)
    return _id
  }
  const ended = { state: 'deleted' as const, deletedAt: new Date(), bytesDueAt: new Date(Date.now() + HOUR_MS) }
  const lost = [await extentOf(new Types.ObjectId()), await extentOf((await stored(ended))._id)]
  const kept = [
    await extentOf((await stored({ extents: 1 }))._id),
    await extentOf((await stored({ state: 'open', touchedAt: new Date(), extents: 1 }))._id),
    // An upload that is just being given up.
    await extentOf(new Types.ObjectId(), new Date()),
  ]
  const loop = expirer({ records, log: createLogger('test', 'silent') }, 1_000)
  await loop.run(new AbortController().signal)
  for (const id of lost) {
    const extent = (await used.model.findById(id).lean<FileRecord>()) as FileRecord
    expect([extent.state, dueInMs(extent)]).toEqual(['deleted', 0])
  }
  for (const id of kept) expect(await used.model.findById(id).lean()).toMatchObject({ state: 'live' })
})

test('lost extents are looked for page by page, each file as a whole', async () => {
  const ids = Array.from({ length: 5 }, () => new Types.ObjectId()).sort()
  const createdAt = new Date(Date.now() - 2 * HOUR_MS)
  const extents = ids.flatMap((fileId) =>
    [1, 2].map((extent) => ({ state: 'live', storageClass: 'replicated', createdAt, fileId, extent, chunks: [] })),
  )
  await used.model.collection.insertMany(extents as never)
  const counts: number[] = []
  let from: Types.ObjectId | null = null
  do {
    const { ended, next } = await records.ended.endLostExtents(from, 3)
    counts.push(ended)
    from = next
  } while (from !== null)
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(10)
  expect(await used.model.countDocuments({ state: 'live' })).toBe(0)
})

test.each([
  ['expired', { state: 'live', expiresAt: { $type: 'date' }, $expr: { $lt: ['$expiresAt', '$$NOW'] } }],
  ['open', { state: 'open', touchedAt: { $type: 'date' }, $expr: { $lt: ['$touchedAt', '$$NOW'] } }],
])('files that are %s are found by an index', async (_, filter) => {
  const plan = await used.model.collection.find(filter).explain('queryPlanner')
  expect(JSON.stringify(plan)).toContain('IXSCAN')
})
