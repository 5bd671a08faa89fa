import type { FileName } from '@holdfast/shared/file-name'
import type { ServerId } from '@holdfast/shared/ids'
import { beforeEach, expect, test, vi } from 'vitest'
import { proofOfPart } from '../../src/chunks/chunk.ts'
import { CopyRemovals } from '../../src/files/copy-removals.ts'
import { chunksOf, type FileRecord } from '../../src/files/file.model.ts'
import { FileRecords } from '../../src/files/file-records.ts'
import { HolderRecords } from '../../src/files/holder-records.ts'
import { aServer, newChunk, newName, newRecord, newReplica, replicaOf, useDatabase } from '../mongo/mongo-fixture.ts'

const used = useDatabase()
let records: FileRecords
beforeEach(() => {
  records = new FileRecords(used.model)
})
const proofOf = (record: FileRecord) => chunksOf(record).map((place) => proofOfPart(place, 0))
const named = (name: string): FileName => name as FileName

test('a record that was inserted is found under its name, as it was', async () => {
  const record = newRecord(newName())
  await records.insert(record)
  const found = await records.findLive(record.name)
  expect(found).toMatchObject({
    state: 'live',
    name: record.name,
    size: 5,
    chunks: [{ replicas: record.chunks[0]?.replicas }],
  })
  expect(proofOf(found ?? newRecord(newName()))).toEqual(proofOf(record))
})

test('invariant 4: of a hundred simultaneous records of one name exactly one is inserted', async () => {
  const name = newName()
  const outcomes = await Promise.allSettled(Array.from({ length: 100 }, () => records.insert(newRecord(name))))
  const refused = outcomes.filter((outcome) => outcome.status === 'rejected')
  expect(refused).toHaveLength(99)
  for (const outcome of refused) expect(outcome.reason).toMatchObject({ name: 'FILE_EXISTS' })
  expect(await used.model.countDocuments({ name: named(name) })).toBe(1)
})

test('the same record again, as after a lost answer, is success', async () => {
  const record = newRecord(newName())
  await records.insert(record)
  await records.insert(record)
  await Promise.all([records.insert(record), records.insert(record)])
  expect(await used.model.countDocuments({ name: record.name })).toBe(1)
})

test('a record whose bytes upkeep has collected can come no more', async () => {
  const record = newRecord(newName())
  const { copyId, server, slot } = replicaOf(record)
  expect(await new CopyRemovals(used.model).renounceCopy({ copyId, server, slot })).toBe(true)
  await expect(records.insert(record)).rejects.toMatchObject({ name: 'COPY_DISCARDED' })
  expect(await records.findLive(record.name)).toBeNull()
})

test('a name is free again after its delete, any number of times', async () => {
  const name = newName()
  for (let round = 0; round < 3; round++) {
    const record = newRecord(name)
    await records.insert(record)
    expect((await records.markDeleted(record.name))?._id).toEqual(record._id)
    expect(await records.findLive(record.name)).toBeNull()
    expect(await records.findLiveById(record._id)).toBeNull()
    expect(await records.markDeleted(record.name)).toBeNull()
  }
})

test('of simultaneous deletes of one file exactly one has it', async () => {
  const record = newRecord(newName())
  await records.insert(record)
  const deleted = await Promise.all(Array.from({ length: 20 }, () => records.markDeleted(record.name)))
  expect(deleted.filter((one) => one !== null)).toHaveLength(1)
})

test.each<[string, unknown]>([
  ['an operator', { $ne: null }],
  ['a pattern', { $regex: '.*' }],
  ['a pattern of the language', /.*/],
  ['a list', ['a']],
  ['null', null],
])('a name that is %s finds and deletes nothing', async (_, name) => {
  const record = newRecord(newName())
  await records.insert(record)
  const ask = async (work: () => Promise<unknown>): Promise<unknown> =>
    work().catch((error: { name: string }) => error.name)
  for (const outcome of [
    await ask(() => records.findLive(name as never)),
    await ask(() => records.markDeleted(name as never)),
  ])
    expect([null, 'DATABASE_UNAVAILABLE']).toContain(outcome)
  expect(await records.findLive(record.name)).not.toBeNull()
})

test.each(['a.b', '$where', '$ne', '__proto__', 'constructor', 'a\u0001b', '😀', 'e\u0301', 'x'.repeat(255)])(
  'the name %j is a name like any other',
  async (name) => {
    const record = newRecord(name)
    await records.insert(record)
    expect((await records.findLive(named(name)))?.name).toBe(name)
    expect((await records.markDeleted(named(name)))?._id).toEqual(record._id)
  },
)

test('a deleted file leaves copy by copy, those that were leaving before too, and its record goes with the last one', async () => {
  const record = newRecord(newName())
  const other = 'bbbbbbbbbbbbbbbb' as ServerId
  const replicas = [newReplica(record._id), newReplica(record._id, { server: other })]
  const two = { ...record, chunks: [newChunk(replicas.slice(0, 1)), newChunk([], { leaving: replicas.slice(1) })] }
  await records.insert(two)
  await records.markDeleted(record.name)
  const leaving = async (server: ServerId): Promise<boolean> =>
    (await records.ended.findDeleted(server, 1_000)).some((one) => one._id.equals(record._id))
  expect([await leaving(aServer), await leaving(other)]).toEqual([true, true])
  const [first, second] = replicas
  if (first === undefined || second === undefined) throw new Error('two replicas')
  await records.ended.forgetReplicas(record._id, [first])
  await records.ended.forgetReplicas(record._id, [first])
  expect([await leaving(aServer), await leaving(other)]).toEqual([false, true])
  await records.ended.forgetReplicas(record._id, [second])
  expect(await used.model.countDocuments({ _id: record._id })).toBe(0)
})

test('a copy of a live file is not forgotten', async () => {
  const record = newRecord(newName())
  await records.insert(record)
  await records.ended.forgetReplicas(record._id, [replicaOf(record)])
  await records.ended.forgetEmptied()
  expect((await records.findLive(record.name))?.chunks[0]?.replicas).toHaveLength(1)
})

test('records that a crash left without copies go, live ones and tombstones stay', async () => {
  const [emptied, live, renounced] = [newRecord(newName()), newRecord(newName()), newRecord(newName())]
  await records.insert(emptied)
  await records.insert(live)
  await new CopyRemovals(used.model).renounceCopy(replicaOf(renounced))
  await records.markDeleted(emptied.name)
  await used.model.updateOne({ _id: emptied._id }, { $set: { 'chunks.0.replicas': [] } })
  await records.ended.forgetEmptied()
  const left = await used.model.find({ _id: { $in: [emptied._id, live._id, renounced._id] } }).lean()
  expect(left.map((record) => record.state).sort()).toEqual(['live', 'tombstone'])
})

test.each([-31, 31])('the clock of a manager that is %i days off decides nothing', async (days) => {
  const server = 'dddddddddddddddd' as ServerId
  const holders = new HolderRecords(used.model)
  const newOne = (): FileRecord => {
    const record = newRecord(newName())
    return { ...record, chunks: [newChunk([newReplica(record._id, { server })])] }
  }
  const [byName, byId, inGroup, renounced] = [newOne(), newOne(), newOne(), newOne()]
  for (const record of [byName, byId, inGroup]) await records.insert(record)
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + days * 24 * 3_600_000 })
  try {
    await records.markDeleted(byName.name)
    await records.markDeletedById(byId._id)
    await records.markAllDeleted([inGroup._id])
    await holders.removals.renounceCopy(replicaOf(renounced))
    await holders.removals.forgetTombstones(7 * 24 * 3_600_000)
    expect(await records.ended.findDeleted(server, 10)).toHaveLength(3)
  } finally {
    vi.useRealTimers()
  }
  expect(await records.ended.findDeleted(server, 10)).toHaveLength(3)
  await holders.removals.forgetTombstones(7 * 24 * 3_600_000)
  expect(await used.model.countDocuments({ _id: renounced._id, state: 'tombstone' })).toBe(1)
  await used.model.deleteMany({ _id: { $in: [byName._id, byId._id, inGroup._id] } })
})

test('those that are due longest come first, and no more than were asked for', async () => {
  const server = 'cccccccccccccccc' as ServerId
  const all = Array.from({ length: 5 }, () => {
    const record = newRecord(newName())
    const replicas = [newReplica(record._id, { server })]
    return { ...record, chunks: [newChunk(replicas)] }
  })
  for (const record of all) await records.insert(record)
  for (const [index, record] of all.entries())
    await used.model.updateOne({ _id: record._id }, { state: 'deleted', bytesDueAt: new Date(1e12 - index) })
  const found = await records.ended.findDeleted(server, 3)
  expect(found.map((record) => record._id.toHexString())).toEqual(
    all
      .slice(2)
      .reverse()
      .map((record) => record._id.toHexString()),
  )
  expect(await records.countOn(server)).toBe(5)
})

test('live files are ended all at once, and no others', async () => {
  const all = Array.from({ length: 3 }, () => newRecord(newName()))
  for (const record of all) await records.insert(record)
  const ids = all.map(({ _id }) => _id)
  await records.markAllDeleted(ids.slice(0, 2))
  const states = await used.model
    .find({ _id: { $in: ids } })
    .sort({ _id: 1 })
    .lean<FileRecord[]>()
  expect(states.map(({ state, bytesDueAt }) => [state, bytesDueAt instanceof Date])).toEqual([
    ['deleted', true],
    ['deleted', true],
    ['live', false],
  ])
})

test('a file that has expired is not listed, though it is still to be ended', async () => {
  const [kept, expired] = [
    newRecord('listed/kept'),
    newRecord('listed/expired', { expiresAt: new Date(Date.now() - 5) }),
  ]
  for (const record of [kept, expired]) await records.insert(record)
  const found = await records.list({ addressedBy: 'path', prefix: 'listed/', after: null, limit: 10 })
  expect(found.map(({ name }) => name)).toEqual(['listed/kept'])
})
