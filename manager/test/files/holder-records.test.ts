import { Socket } from 'node:net'
import { type CopyId, type FileId, type ServerId, SLOT_COUNT, type Slot } from '@holdfast/shared/ids'
import type { Types } from 'mongoose'
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import type { Replica } from '../../src/chunks/chunk.ts'
import { chunksOf, type FileRecord, type Holder } from '../../src/files/file.model.ts'
import { FileRecords } from '../../src/files/file-records.ts'
import { type ChunkChange, HolderRecords } from '../../src/files/holder-records.ts'
import { aServer, newChunk, newName, newRecord, newReplica, replicaOf, useDatabase } from '../mongo/mongo-fixture.ts'

const used = useDatabase()
const elsewhere = 'bbbbbbbbbbbbbbbb' as ServerId
let records: FileRecords
let holders: HolderRecords
beforeEach(() => {
  records = new FileRecords(used.model)
  holders = new HolderRecords(used.model)
})

async function inserted(): Promise<{ record: FileRecord; old: Replica; fresh: Replica }> {
  const record = newRecord(newName())
  await records.insert(record)
  return { record, old: replicaOf(record), fresh: newReplica(record._id, { server: elsewhere, slot: 8 as Slot }) }
}

const replace = (record: FileRecord, from: Replica, to: Replica, number = 0): Promise<boolean> => {
  const place = chunksOf(record)[number]
  if (place === undefined) throw new Error('no such chunk')
  return holders.replaceReplica(record, place, { from, to })
}

const currentOf = async (record: FileRecord) => used.model.findById(record._id).lean<FileRecord>()

test('a replica is replaced on the version that was planned on, which grows, and the old one is leaving', async () => {
  const { record, old, fresh } = await inserted()
  expect(await replace(record, old, fresh)).toBe(true)
  expect(await currentOf(record)).toMatchObject({ chunks: [{ version: 1, replicas: [fresh], leaving: [old] }] })
})

test('of two moves that were planned on one version exactly one is made', async () => {
  const { record, old } = await inserted()
  const fresh = Array.from({ length: 10 }, () => newReplica(record._id, { server: elsewhere }))
  const switched = await Promise.all(fresh.map((replica) => replace(record, old, replica)))
  expect(switched.filter(Boolean)).toHaveLength(1)
  expect((await currentOf(record))?.chunks[0]?.replicas).toEqual([fresh[switched.indexOf(true)]])
})

test.each<[string, (record: FileRecord) => Promise<unknown>]>([
  ['was deleted', (record) => records.markDeleted(record.name)],
  ['has another version', (record) => used.model.updateOne({ _id: record._id }, { $inc: { 'chunks.0.version': 1 } })],
  ['is gone', (record) => used.model.deleteOne({ _id: record._id })],
  ['names another copy', (record) => used.model.updateOne({ _id: record._id }, { 'chunks.0.replicas': [] })],
])('a record that %s meanwhile is not switched', async (_, change) => {
  const { record, old, fresh } = await inserted()
  await change(record)
  const before = await currentOf(record)
  expect(await replace(record, old, fresh)).toBe(false)
  expect(await currentOf(record)).toEqual(before)
})

test('only the replica that moves is changed', async () => {
  const { record, old, fresh } = await inserted()
  const kept = newReplica(record._id, { server: 'cccccccccccccccc' as ServerId })
  await used.model.updateOne({ _id: record._id }, { 'chunks.0.replicas': [kept, old] })
  // A change that was planned on the replica alone does not know of the other one.
  expect(await replace(record, old, fresh)).toBe(false)
  expect(await replace((await currentOf(record)) as FileRecord, old, fresh)).toBe(true)
  expect((await currentOf(record))?.chunks[0]?.replicas).toEqual([kept, fresh])
})

test('a copy that a record names is never renounced, and the record stays as it is', async () => {
  const { record, old } = await inserted()
  const before = await currentOf(record)
  expect(await holders.removals.renounceCopy(old)).toBe(false)
  expect(await currentOf(record)).toEqual(before)
  await records.markDeleted(record.name)
  expect(await holders.removals.renounceCopy(old)).toBe(false)
})

test.each<[string, (replica: Replica) => Replica]>([
  ['another copyId', (replica) => ({ ...replica, copyId: `${replica.copyId.slice(0, 29)}fffffffffff` as CopyId })],
  ['another slot', (replica) => ({ ...replica, slot: 99 as Slot })],
  ['another file-server', (replica) => ({ ...replica, server: elsewhere })],
])('a copy of a live file with %s is renounced: no move that was planned before can name it', async (_, change) => {
  const { record, old } = await inserted()
  const superseded = change(old)
  expect(await holders.removals.renounceCopy(superseded)).toBe(true)
  expect(await replace(record, old, superseded)).toBe(false)
  expect((await currentOf(record))?.chunks[0]?.replicas).toEqual([old])
  // Another move, planned on what the record has become, goes on.
  const again = await records.findLiveById(record._id)
  expect(again?.chunks[0]?.version).toBe(1)
  expect(await replace(again as FileRecord, old, newReplica(record._id))).toBe(true)
})

test('of a renounce and the insert of its record, at once, exactly one has its way', async () => {
  for (let round = 0; round < 30; round++) {
    const record = newRecord(newName())
    const [renounced, insert] = await Promise.allSettled([
      holders.removals.renounceCopy(replicaOf(record)),
      records.insert(record),
    ])
    const isInserted = insert.status === 'fulfilled'
    expect(renounced).toEqual({ status: 'fulfilled', value: !isInserted })
    expect((await currentOf(record))?.state).toBe(isInserted ? 'live' : 'tombstone')
  }
})

test('of a renounce and the move to its copy, at once, exactly one has its way', async () => {
  for (let round = 0; round < 30; round++) {
    const { record, old, fresh } = await inserted()
    const [isRenounced, isSwitched] = await Promise.all([
      holders.removals.renounceCopy(fresh),
      replace(record, old, fresh),
    ])
    expect(isRenounced).toBe(!isSwitched)
    expect((await currentOf(record))?.chunks[0]?.replicas).toEqual([isSwitched ? fresh : old])
  }
})

test('a renounce comes twice with the same outcome', async () => {
  const record = newRecord(newName())
  expect(await holders.removals.renounceCopy(replicaOf(record))).toBe(true)
  expect(await holders.removals.renounceCopy(replicaOf(record))).toBe(true)
  await expect(records.insert(record)).rejects.toMatchObject({ name: 'COPY_DISCARDED' })
})

/** @returns the holders of each page of a walk */
async function walked(
  server: ServerId,
  range: { from: number; to: number; width: number },
  limit: number,
): Promise<(readonly Holder[])[]> {
  const pages: (readonly Holder[])[] = []
  for await (const { holders: page } of holders.walkSlots(server, range, { limit })) pages.push(page)
  return pages
}

test('places are found by id and by slot, of live files only', async () => {
  const server = 'dddddddddddddddd' as ServerId
  const all = [10, 20, 30].map((slot) => {
    const record = newRecord(newName())
    return { ...record, chunks: [newChunk([newReplica(record._id, { server, slot: slot as Slot })])] }
  })
  for (const record of all) await records.insert(record)
  const idOf = (record: { _id: Types.ObjectId }): FileId => record._id.toHexString() as FileId
  const found = await holders.findHolders([...all.map(idOf), 'f'.repeat(24) as FileId])
  expect([...found.keys()].sort()).toEqual(all.map(idOf).sort())

  const between = async (from: number, to: number): Promise<FileId[]> =>
    (await walked(server, { from, to, width: 7 }, 2)).flat().map(idOf)
  expect(await between(10, 30)).toEqual(all.slice(0, 2).map(idOf))
  expect(await between(11, 20)).toEqual([])
  await records.markDeleted(all[0]?.name as never)
  expect(await between(0, 100)).toEqual(all.slice(1).map(idOf))
  expect((await holders.findMovable({ from: server, apart: [elsewhere], maxBytes: 5 }, 1)).map(idOf)).toHaveLength(1)
  expect(await holders.findMovable({ from: 'e'.repeat(16) as ServerId, apart: [elsewhere], maxBytes: 5 }, 10)).toEqual(
    [],
  )
})

test('old tombstones are forgotten, young ones and all other records stay', async () => {
  const [old, young] = [newRecord(newName()), newRecord(newName())]
  for (const record of [old, young]) await holders.removals.renounceCopy(replicaOf(record))
  const { record: live } = await inserted()
  await used.model.updateOne({ _id: old._id }, { deletedAt: new Date(Date.now() - 60_000) })
  await used.model.updateOne({ _id: live._id }, { deletedAt: new Date(0) })
  await holders.removals.forgetTombstones(30_000)
  const left = await used.model.find({ _id: { $in: [old._id, young._id, live._id] } }).lean()
  expect(left.map((record) => record._id.toHexString()).sort()).toEqual(
    [young._id, live._id].map((id) => id.toHexString()).sort(),
  )
  expect(await used.model.countDocuments({ 'chunks.replicas.server': aServer, _id: live._id })).toBe(1)
})

/** Stores a file of three chunks, each with a copy on the same file-server. */
async function insertedThree(): Promise<FileRecord> {
  const { _id, ...record } = newRecord(newName())
  const chunks = [0, 1, 2].map((number) => newChunk([newReplica(_id, { slot: number as Slot }, number)]))
  const three = { ...record, _id, chunks }
  await records.insert(three)
  return three
}

test('a change of one chunk neither disturbs nor changes the others of its file', async () => {
  const record = await insertedThree()
  const moves = record.chunks.map(async ({ replicas: [old] }, number) => {
    if (old === undefined) throw new Error('no replica')
    const fresh = newReplica(record._id, { server: elsewhere }, number)
    expect(await replace(record, old, fresh, number)).toBe(true)
    return { replicas: [fresh], leaving: [old], version: 1 }
  })
  const expected = await Promise.all(moves)
  expect((await currentOf(record))?.chunks).toMatchObject(expected)
})

test('a copy of one chunk is renounced without a word about the others, and a leaving one never', async () => {
  const record = await insertedThree()
  const [old] = record.chunks[1]?.replicas ?? []
  if (old === undefined) throw new Error('no replica')
  expect(await replace(record, old, newReplica(record._id, { server: elsewhere }, 1), 1)).toBe(true)
  expect(await holders.removals.renounceCopy(old)).toBe(false)
  expect(await holders.removals.renounceCopy(newReplica(record._id, {}, 2))).toBe(true)
  // There is no such chunk, and none is made up.
  expect(await holders.removals.renounceCopy(newReplica(record._id, {}, 7))).toBe(true)
  expect((await currentOf(record))?.chunks.map(({ version }) => version)).toEqual([0, 1, 1])
})

test('what is leaving is found by its file-server until it is forgotten', async () => {
  const server = '9'.repeat(16) as ServerId
  const record = await insertedThree()
  const [chunk] = record.chunks
  const leaving = newReplica(record._id, { server })
  await used.model.updateOne({ _id: record._id }, { 'chunks.0.leaving': [leaving] })
  const found = await holders.removals.findWithLeaving(server, 10)
  expect(found).toMatchObject([
    { _id: record._id, chunks: [{ replicas: chunk?.replicas, leaving: [leaving] }, {}, {}] },
  ])
  await holders.removals.forgetLeaving(record, [leaving])
  await holders.removals.forgetLeaving(record, [leaving])
  expect(await holders.removals.findWithLeaving(server, 10)).toEqual([])
  expect((await currentOf(record))?.chunks[0]?.replicas).toEqual(chunk?.replicas)
})

test('what a file-server that never came back still had to delete is given up, and what it holds for others is not', async () => {
  const server = '7'.repeat(16) as ServerId
  const record = await insertedThree()
  await used.model.updateOne({ _id: record._id }, { 'chunks.0.leaving': [newReplica(record._id, { server })] })
  const deleted = newRecord(newName())
  const copies = [newReplica(deleted._id, { server }), newReplica(deleted._id, { server: elsewhere })]
  await records.insert({ ...deleted, chunks: [newChunk(copies)] })
  await records.markDeleted(deleted.name)
  const only = newRecord(newName())
  await records.insert({ ...only, chunks: [newChunk([newReplica(only._id, { server })])] })

  await holders.removals.giveUpCopiesOn(server)
  expect(
    (await currentOf(record))?.chunks.map(({ replicas, leaving = [] }) => [replicas.length, leaving.length]),
  ).toEqual([
    [1, 0],
    [1, 0],
    [1, 0],
  ])
  expect((await currentOf(deleted))?.chunks[0]?.replicas).toEqual(copies.slice(1))
  expect(await holders.removals.namesCopyOn(server)).toBe(true)
  await used.model.deleteOne({ _id: only._id })
  expect(await holders.removals.namesCopyOn(server)).toBe(false)
})

test('a chunk that has a replica on the target is not offered for a move there, and others of its file are', async () => {
  const [from, to] = ['5'.repeat(16) as ServerId, '6'.repeat(16) as ServerId]
  const both = newRecord(newName())
  const on = (record: FileRecord, number: number, ...servers: ServerId[]) =>
    newChunk(servers.map((server) => newReplica(record._id, { server }, number)))
  await records.insert({ ...both, chunks: [on(both, 0, from, to)] })
  const one = newRecord(newName())
  await records.insert({ ...one, chunks: [on(one, 0, from, to), on(one, 1, from)] })
  expect((await holders.findMovable({ from, apart: [to], maxBytes: 5 }, 10)).map(({ _id }) => _id)).toEqual([one._id])
  expect(await holders.findMovable({ from, apart: [elsewhere], maxBytes: 5 }, 10)).toHaveLength(2)
  expect(await holders.findMovable({ from, apart: [elsewhere], maxBytes: 4 }, 10)).toEqual([])
})

const [one, two, three] = ['1', '2', '3'].map((digit) => digit.repeat(16) as ServerId) as [ServerId, ServerId, ServerId]

/** Stores a file of class `replicated`, whose chunks have a replica on each of the file-servers of a row. */
async function replicated(...rows: ServerId[][]): Promise<FileRecord> {
  const record = newRecord(newName())
  const chunks = rows.map((servers, number) =>
    newChunk(servers.map((server) => newReplica(record._id, { server }, number))),
  )
  const stored = { ...record, storageClass: 'replicated' as const, chunks }
  await records.insert(stored)
  return stored
}

const changeOf = (record: FileRecord, number: number, server: ServerId): ChunkChange => {
  const chunk = record.chunks[number]
  const [old] = chunk?.replicas ?? []
  if (chunk === undefined || old === undefined) throw new Error('no such chunk')
  const fresh = newReplica(record._id, { server }, number)
  return { number, chunk, replicas: [...chunk.replicas.slice(1), fresh], leaving: [old] }
}

test('the changes of several chunks are one update, and where one of them is outdated the others are made', async () => {
  const record = await replicated([one, two], [one, two], [one, two])
  const changes = [0, 1].map((number) => changeOf(record, number, three))
  expect(await holders.changeReplicas(record, changes)).toEqual(changes)
  const again = [0, 1, 2].map((number) => changeOf(record, number, three))
  expect(await holders.changeReplicas(record, again)).toEqual([again[2]])
  const after = (await currentOf(record))?.chunks ?? []
  expect(after.map(({ version }) => version)).toEqual([1, 1, 1])
  expect(after.map(({ replicas }) => replicas.map(({ server }) => server))).toEqual(Array(3).fill([two, three]))
  expect(after.map(({ leaving }) => leaving?.map(({ server }) => server))).toEqual(Array(3).fill([one]))
})

test('a bad replica is marked once, lowers `short`, and stops a change that was planned before', async () => {
  const record = await replicated([one, two], [one, two])
  const bad = replicaOf(record)
  const marks = await Promise.all(Array.from({ length: 5 }, () => holders.markBad(bad, 'missing')))
  expect(marks.filter(Boolean)).toHaveLength(1)
  const after = await currentOf(record)
  expect(after).toMatchObject({
    short: 1,
    chunks: [{ version: 1, replicas: [{ bad: 'missing' }, {}] }, { version: 0 }],
  })
  expect(await holders.changeReplicas(record, [changeOf(record, 0, three)])).toEqual([])
  expect(await holders.unmarkMissing(bad)).toBe(true)
  expect((await currentOf(record))?.chunks[0]?.replicas).toEqual(record.chunks[0]?.replicas)
})

test('a damaged replica never counts again, and the one replica of a single file is left alone', async () => {
  const record = await replicated([one, two])
  expect(await holders.markBad(replicaOf(record), 'damaged')).toBe(true)
  expect(await holders.unmarkMissing(replicaOf(record))).toBe(false)
  const { record: single, old } = await inserted()
  expect(await holders.markBad(old, 'missing')).toBe(false)
  expect((await currentOf(single))?.short).toBeUndefined()
})

test('`short` goes only when every chunk has its replicas, all of them good and none on a lost file-server', async () => {
  const record = await replicated([one, two], [one, two])
  const settled = async (...lost: ServerId[]): Promise<number | undefined> => {
    await holders.settleShort([record], { replicas: 2, lost })
    return (await currentOf(record))?.short
  }
  expect(await settled()).toBeUndefined()
  expect(await settled(one)).toBe(1)
  expect(await settled(one, two)).toBe(0)
  await holders.markBad(replicaOf(record), 'missing')
  expect(await settled()).toBe(1)
  await holders.unmarkMissing(replicaOf(record))
  expect(await settled()).toBeUndefined()
  // A surplus is to be looked at too.
  await used.model.updateOne(
    { _id: record._id },
    { $push: { 'chunks.1.replicas': newReplica(record._id, { server: three }, 1) } },
  )
  expect(await settled()).toBe(2)
  const { record: single } = await inserted()
  await holders.settleShort([single], { replicas: 2, lost: [] })
  expect((await currentOf(single))?.short).toBeUndefined()
})

test('holders that are short are walked from the fewest replicas to the most, and those without any last', async () => {
  await used.model.updateMany({}, { $unset: { short: '' } })
  for (const short of [0, 1, 2, 1, 0]) {
    const record = await replicated([one, two])
    await used.model.updateOne({ _id: record._id }, { short })
  }
  const ranges = [
    { from: 1, below: Number.POSITIVE_INFINITY },
    { from: 0, below: 1 },
  ]
  const batches: (number | undefined)[][] = []
  for await (const batch of holders.walkShort(ranges, 2)) batches.push(batch.map(({ short }) => short))
  expect(batches).toEqual([[1, 1], [2], [0, 0]])
})

test.each([
  { $gte: 1, $lt: 2 },
  { $gte: 2, $lt: Number.POSITIVE_INFINITY },
])('holders that are short (%o) are found by their index, in its order', async (short) => {
  const found = used.model.collection.find({ state: { $in: ['live', 'open'] }, short } as never).sort({ short: 1 })
  const plan = JSON.stringify(await found.explain('queryPlanner'))
  expect(plan).toContain('"indexName":"short"')
  expect(plan).not.toContain('"stage":"SORT"')
})

test('a walk of slots meets every holder once, however they lie, and never many more than its limit', async () => {
  const server = '8'.repeat(16) as ServerId
  const slots = [0, 1, 2, 3, 4, 5, 6, 7, 900, 5_000, 5_001, 2_000_000_000]
  for (const slot of slots) {
    const record = newRecord(newName())
    await records.insert({ ...record, chunks: [newChunk([newReplica(record._id, { server, slot: slot as Slot })])] })
  }
  const pages = await walked(server, { from: 0, to: SLOT_COUNT, width: 1_024 }, 3)
  expect(Math.max(...pages.map((page) => page.length))).toBeLessThanOrEqual(3)
  expect(pages.flat().map(({ chunks }) => chunks[0]?.replicas[0]?.slot)).toEqual(slots)
})

test('chunks are counted by their replicas that count', async () => {
  await used.model.deleteMany({ storageClass: 'replicated' })
  await replicated([one, two], [two, three])
  const marked = await replicated([two, three], [two, three])
  await holders.markBad(replicaOf(marked), 'damaged')
  const byGood = async (which: 'all' | 'short', lost: ServerId[] = []) =>
    Object.fromEntries(
      (await holders.countChunks(which, { replicas: 2, lost })).map(({ good, chunks }) => [good, chunks]),
    )
  expect(await byGood('all')).toEqual({ 1: 1, 2: 3 })
  expect(await byGood('all', [one])).toEqual({ 1: 2, 2: 2 })
  expect(await byGood('short')).toEqual({ 1: 1, 2: 1 })
  expect(await holders.countChunksOn(one)).toEqual({ chunks: 1, bytes: 5 })
})

test('after the number of replicas that are wished for has changed, replicate is pointed at whatever has another', async () => {
  await used.model.deleteMany({ storageClass: 'replicated' })
  const lists = [
    [[one, two]],
    [[one, two], [three]],
    [
      [one, two, three],
      [one, two],
    ],
  ] as const
  const ids: Types.ObjectId[] = []
  for (const list of lists) ids.push((await replicated(...list.map((servers) => [...servers])))._id)
  const marked = await replicated([two, three])
  await holders.markBad(replicaOf(marked), 'damaged')
  const shorts = async () => {
    const found = await used.model
      .find({ _id: { $in: [...ids, marked._id] } })
      .sort({ _id: 1 })
      .lean<FileRecord[]>()
    return found.map(({ short }) => short)
  }
  await holders.markOthers(2)
  expect(await shorts()).toEqual([undefined, 1, 2, 1])
  await holders.markOthers(3)
  expect(await shorts()).toEqual([2, 1, 2, 1])
})

test('a copy that comes too late for an open file is renounced, and the upload goes on', async () => {
  const record = { ...newRecord(newName()), state: 'open' as const, storageClass: 'replicated' as const, chunks: [] }
  await records.insert(record)
  const late = newReplica(record._id, {}, 0)
  expect(await holders.removals.renounceCopy(late)).toBe(true)
  expect(await currentOf(record)).toMatchObject({ state: 'open', renounced: [late.copyId] })
})

test('what reads or changes very many records gets the time it needs, on the connection too', async () => {
  const timeouts: number[] = []
  const { setTimeout } = Socket.prototype
  const spy = vi.spyOn(Socket.prototype, 'setTimeout').mockImplementation(function (this: Socket, ms, ...rest) {
    timeouts.push(ms)
    return setTimeout.call(this, ms, ...rest)
  })
  onTestFinished(() => spy.mockRestore())
  const patient: (() => Promise<unknown>)[] = [
    () => holders.countChunksOn(one),
    () => holders.countChunks('all', { replicas: 2, lost: [] }),
    () => holders.markOthers(2),
    () => holders.removals.giveUpCopiesOn(one),
  ]
  for (const ask of patient) {
    timeouts.length = 0
    await ask()
    expect(timeouts.some((ms) => ms > 60_000)).toBe(true)
  }
})
