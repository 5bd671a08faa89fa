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
      fileId: file._id,
      extent,
      chunks: [newChunk([newReplica(_id)])],
    }
  })
  await used.model.collection.insertMany(extents as never)
  const other = { ...extents[0], _id: new Types.ObjectId(), fileId: new Types.ObjectId() }
  await used.model.collection.insertOne(other as never)

  await records.markDeleted(file.name)
  await records.forget(file._id)
  await records.forgetEmptied()
  expect((await find(file))?.extents).toBe(2)

  await run()
  const ended = (await find(file)) as FileRecord
  expect(ended.extents).toBeUndefined()
  for (const { _id } of extents) {
    expect(await used.model.findById(_id).lean()).toMatchObject({ state: 'deleted', bytesDueAt: ended.bytesDueAt })
  }
  expect(await used.model.findById(other._id).lean()).toMatchObject({ state: 'live' })
  await records.forgetEmptied()
  expect(await find(file)).toBeNull()
})

test.each([
  ['expired', { state: 'live', expiresAt: { $type: 'date' }, $expr: { $lt: ['$expiresAt', '$$NOW'] } }],
  ['open', { state: 'open', touchedAt: { $type: 'date' }, $expr: { $lt: ['$touchedAt', '$$NOW'] } }],
])('files that are %s are found by an index', async (_, filter) => {
  const plan = await used.model.collection.find(filter).explain('queryPlanner')
  expect(JSON.stringify(plan)).toContain('IXSCAN')
})
