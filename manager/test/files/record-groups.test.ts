import { StoreError } from '@holdfast/shared/errors/store-error'
import type { FileName } from '@holdfast/shared/file-name'
import type { mongo } from 'mongoose'
import { afterEach, beforeAll, expect, test, vi } from 'vitest'
import type { FileRecord } from '../../src/files/file.model.ts'
import { type Deletion, deleteAll, forgetAll, lookUpAll } from '../../src/files/record-groups.ts'
import { newName, newRecord, useDatabase } from '../mongo/mongo-fixture.ts'

const used = useDatabase()
let collection: mongo.Collection<FileRecord>
beforeAll(() => {
  collection = used.model.collection as unknown as mongo.Collection<FileRecord>
})

afterEach(() => {
  vi.restoreAllMocks()
})

async function insert(...names: string[]): Promise<FileRecord[]> {
  const records = names.map((name) => newRecord(name))
  await collection.insertMany(records)
  return records
}
const named = (name: string): FileName => name as FileName
const deletionOf = (name: string): Deletion => ({ name: named(name), objection: () => null })
const deletedOf = (outcomes: Awaited<ReturnType<typeof deleteAll>>): (FileRecord | null)[] =>
  outcomes.map((outcome) => {
    if (outcome instanceof StoreError) throw outcome
    return outcome
  })

test('looks up many names at once: each its own record, or none', async () => {
  const [a, b] = [newName(), newName()]
  const [first, second] = await insert(a, b)
  const found = await lookUpAll(collection, [b, 'nobody', a, b].map(named))
  expect(found.map((record) => record?._id)).toEqual([second?._id, undefined, first?._id, second?._id])
})

test('records too large for one reply are all found', async () => {
  const names = Array.from({ length: 70 }, newName)
  await collection.insertMany(names.map((name) => newRecord(name, { contentType: 'x'.repeat(256 * 1024) })))
  const found = await lookUpAll(collection, names.map(named))
  expect(found.map((record) => record?.name)).toEqual(names)
})

test('deletes many at once, and tells each caller whether it was its delete', async () => {
  const [a, b] = [newName(), newName()]
  const [first, second] = await insert(a, b)
  const deleted = deletedOf(await deleteAll(collection, [a, 'nobody', b, a].map(deletionOf)))
  expect(deleted.map((record) => record?._id)).toEqual([first?._id, undefined, second?._id, undefined])
  expect(deleted[0]).toMatchObject({ state: 'deleted', chunks: [{ replicas: first?.chunks[0]?.replicas }] })
  expect(await deleteAll(collection, [a, b].map(deletionOf))).toEqual([null, null])
})

test('an objection to what is there keeps it, and no other caller’s delete', async () => {
  const [a, b] = [newName(), newName()]
  const [first, second] = await insert(a, b)
  const refusal = new StoreError('PRECONDITION_FAILED')
  const seen: (string | undefined)[] = []
  const refused = (name: string): Deletion => ({
    name: named(name),
    objection: (record) => {
      seen.push(record._id.toHexString())
      return refusal
    },
  })
  const outcomes = await deleteAll(collection, [refused(a), deletionOf(b), refused(b), refused('nobody')])
  expect(outcomes).toEqual([refusal, expect.objectContaining({ _id: second?._id, state: 'deleted' }), refusal, null])
  expect(seen).toEqual([first?._id.toHexString(), second?._id.toHexString()])
  expect((await lookUpAll(collection, [named(a)]))[0]?._id).toEqual(first?._id)
})

test('a file that came between the judgement and the update is not the one that was judged, and stays', async () => {
  const name = newName()
  await insert(name)
  const updateMany = collection.updateMany.bind(collection)
  vi.spyOn(collection, 'updateMany').mockImplementationOnce(async (...args) => {
    await collection.deleteOne({ name: named(name) })
    await insert(name)
    return updateMany(...args)
  })
  expect(await deleteAll(collection, [deletionOf(name)])).toEqual([null])
  expect((await lookUpAll(collection, [named(name)]))[0]?.state).toBe('live')
})

test('a file that is replaced while it is deleted is deleted all the same: the name was never free', async () => {
  const [name, other] = [newName(), newName()]
  const [first, untouched] = await insert(name, other)
  const updateMany = collection.updateMany.bind(collection)
  vi.spyOn(collection, 'updateMany').mockImplementationOnce(async (...args) => {
    await updateMany({ name: named(name) }, { $set: { state: 'deleted' } })
    await insert(name)
    return updateMany(...args)
  })
  const deleted = deletedOf(await deleteAll(collection, [name, other, name].map(deletionOf)))
  expect(deleted.map((record) => record?.name)).toEqual([name, other, undefined])
  expect(deleted[0]?._id).not.toEqual(first?._id)
  expect(deleted[1]?._id).toEqual(untouched?._id)
  expect(await lookUpAll(collection, [name, other].map(named))).toEqual([null, null])
})

test('a name that is replaced all the time while it is deleted is told so', async () => {
  const name = newName()
  await insert(name)
  const updateMany = collection.updateMany.bind(collection)
  vi.spyOn(collection, 'updateMany').mockImplementation(async (...args) => {
    await updateMany({ name: named(name), state: 'live' }, { $set: { state: 'deleted' } })
    await insert(name)
    return updateMany(...args)
  })
  const outcomes = await deleteAll(collection, [deletionOf(name)])
  expect(outcomes).toEqual([expect.objectContaining({ name: 'OVERLOADED' })])
})

test('of groups that delete the same files at the same time each file goes to one of them', async () => {
  const names = Array.from({ length: 40 }, newName)
  await insert(...names)
  const groups = await Promise.all(Array.from({ length: 5 }, () => deleteAll(collection, names.map(deletionOf))))
  const taken = groups.flatMap(deletedOf).filter((record) => record !== null)
  expect(taken.map((record) => record.name).sort()).toEqual([...names].sort())
})

test('a delete is its caller’s also where upkeep has removed the record before it was read back', async () => {
  const [a, b] = [newName(), newName()]
  const [first] = await insert(a, b)
  const updateMany = collection.updateMany.bind(collection)
  vi.spyOn(collection, 'updateMany').mockImplementationOnce(async (...args) => {
    const result = await updateMany(...args)
    await forgetAll(collection, first === undefined ? [] : [first._id])
    return result
  })
  const deleted = deletedOf(await deleteAll(collection, [a, b].map(deletionOf)))
  expect(deleted.map((record) => record?.name)).toEqual([a, b])
  expect(deleted.map((record) => record?.state)).toEqual(['deleted', 'deleted'])
})

test('forgets deleted records, and no live one', async () => {
  const [a, b] = [newName(), newName()]
  const [first, second] = await insert(a, b)
  await deleteAll(collection, [deletionOf(a)])
  await forgetAll(
    collection,
    [first, second].flatMap((record) => (record === undefined ? [] : [record._id])),
  )
  expect(await collection.find({ name: { $in: [named(a), named(b)] } }).toArray()).toMatchObject([{ name: b }])
})
