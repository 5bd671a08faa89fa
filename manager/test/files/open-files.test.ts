import { StoreError } from '@holdfast/shared/errors/store-error'
import type { FileName } from '@holdfast/shared/file-name'
import type { LinkId } from '@holdfast/shared/ids'
import { Types } from 'mongoose'
import { beforeEach, expect, test, vi } from 'vitest'
import type { Chunk } from '../../src/chunks/chunk.ts'
import { CopyRemovals } from '../../src/files/copy-removals.ts'
import { CHUNKS_PER_HOLDER, type Extent, type FileRecord } from '../../src/files/file.model.ts'
import { FileRecords } from '../../src/files/file-records.ts'
import { HolderRecords } from '../../src/files/holder-records.ts'
import { type OpenFile, OpenFiles } from '../../src/files/open-files.ts'
import { newChunk, newName, newRecord, newReplica, useDatabase } from '../mongo/mongo-fixture.ts'

const used = useDatabase()
let records: FileRecords
let files: OpenFiles
beforeEach(() => {
  records = new FileRecords(used.model)
  files = new OpenFiles(used.model)
})

/** Makes the chunks `from` to `to` of a file, as they are after they were stored. */
function chunksFrom(file: OpenFile, from: number, to: number): Chunk[] {
  return Array.from({ length: to - from }, (_, index) => {
    const { holderId, number } = file.placeOf(from + index)
    return newChunk([newReplica(holderId, {}, number)], { size: from + index })
  })
}

const documentOf = async (_id: Types.ObjectId) => used.model.findById(_id).lean<FileRecord>()
const extentsOf = async (fileId: Types.ObjectId) =>
  used.model.find({ fileId }).sort({ extent: 1 }).lean<(FileRecord & Extent)[]>()
const completed = (_id: Types.ObjectId): FileRecord => newRecord(newName(), { _id, chunks: [] })

test('a file that is coming in cannot be read, and can be once it is complete', async () => {
  const _id = new Types.ObjectId()
  const file = files.begin(_id)
  expect(file.isThere).toBe(false)
  const [first, second, third] = [chunksFrom(file, 0, 2), chunksFrom(file, 2, 3), chunksFrom(file, 3, 5)]
  for (const chunks of [first, second, third]) await file.add(chunks, null)
  const record = completed(_id)
  expect(await documentOf(_id)).toMatchObject({ state: 'open', touchedAt: expect.any(Date) })
  expect(await records.findLive(record.name)).toBeNull()
  await records.complete(record)
  const found = await records.findLive(record.name)
  expect(found?.chunks.map(({ size }) => size)).toEqual([0, 1, 2, 3, 4])
  expect(found).not.toHaveProperty('touchedAt')
  await expect(records.complete(record)).resolves.toBeUndefined()
})

test('a file whose link another has is not completed', async () => {
  const link = 'ab'.repeat(16) as LinkId
  for (const isTaken of [false, true]) {
    const _id = new Types.ObjectId()
    const file = files.begin(_id)
    await file.add(chunksFrom(file, 0, 1), null)
    const completing = records.complete({ ...completed(_id), addressedBy: 'link', link })
    if (isTaken) await expect(completing).rejects.toMatchObject({ name: 'FILE_EXISTS' })
    else await completing
  }
  expect(await used.model.countDocuments({ link })).toBe(1)
})

test('chunks beyond the first 256 go to extents of which the file knows, each named by its own document', async () => {
  const _id = new Types.ObjectId()
  const file = files.begin(_id)
  const count = 2 * CHUNKS_PER_HOLDER + 10
  file.placeOf(count - 1)
  const keys = [0, CHUNKS_PER_HOLDER, count - 1].map((number) => file.partKeyFor(number))
  expect([new Set(keys).size, file.partKey, file.partKeyFor(CHUNKS_PER_HOLDER - 1)]).toEqual([3, keys[0], keys[0]])
  for (let from = 0; from < count; from += 100)
    await file.add(chunksFrom(file, from, Math.min(count, from + 100)), null)
  expect(file.addedCount).toBe(count)
  const [own, extents] = [await documentOf(_id), await extentsOf(_id)]
  expect(own?.extents).toBe(2)
  expect(extents.map(({ extent, state }) => [extent, state])).toEqual([
    [1, 'live'],
    [2, 'live'],
  ])
  expect([own, ...extents].map((holder) => holder?.partKey)).toEqual(keys)
  const all = [own, ...extents].flatMap((holder) => holder?.chunks ?? [])
  expect(all.map(({ size }) => size)).toEqual(Array.from({ length: count }, (_, number) => number))
  for (const holder of [own, ...extents])
    for (const [number, chunk] of (holder?.chunks ?? []).entries())
      expect(chunk.replicas[0]?.copyId.slice(0, 29)).toBe(
        `${holder?._id.toHexString()}${number.toString(16).padStart(5, '0')}`,
      )
  await records.complete(completed(_id))
  expect((await records.findExtent(_id, 2))?.chunks).toHaveLength(10)
})

test('an addition whose answer was lost is not made twice', async () => {
  const _id = new Types.ObjectId()
  const file = files.begin(_id)
  for (const [from, to] of [
    [0, 1],
    [1, 3],
  ] as const) {
    const updateOne = vi.spyOn(used.model.collection, 'updateOne').mockImplementationOnce(async (...args) => {
      updateOne.mockRestore()
      await used.model.collection.updateOne(...args)
      throw new StoreError('DATABASE_UNAVAILABLE')
    })
    await file.add(chunksFrom(file, from, to), null)
  }
  expect((await documentOf(_id))?.chunks).toHaveLength(3)
})

test('a file that was given up takes no more chunks and is not completed', async () => {
  const _id = new Types.ObjectId()
  const file = files.begin(_id)
  await file.add(chunksFrom(file, 0, 1), null)
  await file.abandon()
  expect(await documentOf(_id)).toMatchObject({ state: 'deleted', bytesDueAt: expect.any(Date) })
  await expect(file.add(chunksFrom(file, 1, 2), null)).rejects.toMatchObject({ name: 'COPY_DISCARDED' })
  await expect(file.touch()).rejects.toMatchObject({ name: 'COPY_DISCARDED' })
  await expect(records.complete(completed(_id))).rejects.toMatchObject({ name: 'COPY_DISCARDED' })
  expect((await documentOf(_id))?.chunks).toHaveLength(1)
})

test('a file whose first copies upkeep has collected does not begin', async () => {
  const _id = new Types.ObjectId()
  const file = files.begin(_id)
  const [chunk] = chunksFrom(file, 0, 1)
  const [replica] = chunk?.replicas ?? []
  if (chunk === undefined || replica === undefined) throw new Error('no copy')
  expect(await new CopyRemovals(used.model).renounceCopy(replica)).toBe(true)
  await expect(file.add([chunk], null)).rejects.toMatchObject({ name: 'COPY_DISCARDED' })
})

test('a late copy of an open file is renounced, and the file goes on without it', async () => {
  const _id = new Types.ObjectId()
  const file = files.begin(_id)
  await file.add(chunksFrom(file, 0, 1), null)
  const late = newReplica(_id, {}, 1)
  const holders = new HolderRecords(used.model)
  expect(await holders.removals.renounceCopy(late)).toBe(true)
  await expect(file.add([newChunk([late])], null)).rejects.toMatchObject({ name: 'COPY_DISCARDED' })
  await file.add(chunksFrom(file, 1, 2), null)
  expect(await holders.removals.renounceCopy(newReplica(_id, {}, 1))).toBe(true)
  const record = completed(_id)
  await records.complete(record)
  expect((await records.findLive(record.name))?.chunks).toHaveLength(2)
})

test('the smallest number of replicas of a chunk is kept for replicate', async () => {
  const _id = new Types.ObjectId()
  const file = files.begin(_id)
  await file.add(chunksFrom(file, 0, 1), 2)
  await file.add(chunksFrom(file, 1, 2), 1)
  await file.add(chunksFrom(file, 2, 3), null)
  await records.complete(completed(_id))
  expect(await documentOf(_id)).toMatchObject({ state: 'live', short: 1 })
})

test('a deleted file ends its extents before its own record may be forgotten', async () => {
  const _id = new Types.ObjectId()
  const file = files.begin(_id)
  await file.add(chunksFrom(file, 0, CHUNKS_PER_HOLDER + 1), null)
  const record = completed(_id)
  await records.complete(record)
  const deleted = await records.markDeleted(record.name)
  await records.ended.forget(_id)
  expect(await documentOf(_id)).not.toBeNull()
  if (deleted === null) throw new Error('not deleted')
  await records.ended.endExtents(deleted)
  expect((await extentsOf(_id)).map(({ state }) => state)).toEqual(['deleted'])
  await records.ended.forget(_id)
  expect(await documentOf(_id)).toBeNull()
})

test('invariant 4: a file that was long in coming does not take a path that was taken meanwhile', async () => {
  const name = newName() as FileName
  const _id = new Types.ObjectId()
  const file = files.begin(_id)
  await file.add(chunksFrom(file, 0, 1), null)
  const other = newRecord(name)
  await records.insert(other)
  await expect(records.complete({ ...completed(_id), name })).rejects.toMatchObject({ name: 'FILE_EXISTS' })
  expect((await records.findLive(name))?._id).toEqual(other._id)
  await records.replace({ ...completed(_id), name }, true, () => null)
  expect((await records.findLive(name))?._id).toEqual(_id)
  expect(await documentOf(other._id)).toMatchObject({ state: 'deleted' })
})
