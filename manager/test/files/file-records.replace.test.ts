import { StoreError } from '@holdfast/shared/errors/store-error'
import type { FileName } from '@holdfast/shared/file-name'
import type { LinkId } from '@holdfast/shared/ids'
import { beforeEach, expect, test } from 'vitest'
import { waitUntil } from '../../../test/cluster/wait-until.ts'
import { testInFull } from '../../../test/full-run.ts'
import type { FileRecord } from '../../src/files/file.model.ts'
import { FileRecords } from '../../src/files/file-records.ts'
import type { ListPlace } from '../../src/files/list-query.ts'
import { newName, newRecord, useDatabase } from '../mongo/mongo-fixture.ts'

const used = useDatabase()
let records: FileRecords
beforeEach(() => {
  records = new FileRecords(used.model)
})
const always = () => null
const documentOf = async ({ _id }: FileRecord) => used.model.findById(_id).lean<FileRecord>()
const liveOf = (name: string) => used.model.find({ name: name as FileName, state: 'live' }).lean<FileRecord[]>()
const longAgo = () => ({ expiresAt: new Date(Date.now() - 1_000) })

test('a replacement creates a file where there is none', async () => {
  const record = newRecord(newName())
  await records.replace(record, false, always)
  expect((await records.findLive(record.name))?._id).toEqual(record._id)
})

test('a replacement ends what was there, whose bytes stay for ten minutes', async () => {
  const name = newName()
  const [old, fresh] = [newRecord(name), newRecord(name)]
  await records.insert(old)
  const before = Date.now()
  await records.replace(fresh, false, always)
  expect((await records.findLive(fresh.name))?._id).toEqual(fresh._id)
  const ended = await documentOf(old)
  expect(ended).toMatchObject({ state: 'deleted', chunks: [{ replicas: old.chunks[0]?.replicas }] })
  expect(ended?.bytesDueAt?.getTime()).toBeGreaterThanOrEqual(before + 10 * 60_000)
  expect(await records.ended.findDeleted(old.chunks[0]?.replicas[0]?.server as never, 10)).toEqual([])
})

test('invariant 4: of many replacements at once one is live at the end, and there is one at every moment', async () => {
  const name = newName() as FileName
  await records.insert(newRecord(name))
  let isGoingOn = true
  const seen: number[] = []
  const watch = (async () => {
    while (isGoingOn) seen.push((await liveOf(name)).length)
  })()
  const fresh = Array.from({ length: 12 }, () => newRecord(name))
  const outcomes = await Promise.allSettled(fresh.map((record) => records.replace(record, false, always)))
  isGoingOn = false
  await watch
  expect(new Set(seen)).toEqual(new Set([1]))
  const done = outcomes.filter(({ status }) => status === 'fulfilled').length
  expect(done).toBeGreaterThan(0)
  const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason.name] : []))
  expect(refused.filter((error) => error !== 'OVERLOADED' && error !== 'DATABASE_UNAVAILABLE')).toEqual([])
})

testInFull(
  'a replacement that a killed manager had begun does not hold the file for longer than some seconds',
  async () => {
    const name = newName()
    const [old, fresh] = [newRecord(name), newRecord(name)]
    await records.insert(old)
    // Nobody ends its transaction, as where its manager is gone.
    const session = await used.model.db.startSession()
    session.startTransaction()
    await used.model.collection.updateOne({ _id: old._id }, { $set: { contentType: 'text/x' } }, { session })
    await expect(records.replace(newRecord(name), false, always)).rejects.toMatchObject({
      name: 'DATABASE_UNAVAILABLE',
    })
    await waitUntil('the file is replaced', () => records.replace(fresh, false, always).then(() => true), 30_000)
    expect((await records.findLive(fresh.name))?._id).toEqual(fresh._id)
    await session.endSession()
  },
)

test('a replacement that objects changes nothing', async () => {
  const name = newName()
  const [old, fresh] = [newRecord(name), newRecord(name)]
  await records.insert(old)
  const objection = (current: FileRecord | null) =>
    current?._id.equals(old._id) === true ? new StoreError('PRECONDITION_FAILED') : null
  await expect(records.replace(fresh, false, objection)).rejects.toMatchObject({ name: 'PRECONDITION_FAILED' })
  expect((await liveOf(name)).map(({ _id }) => _id)).toEqual([old._id])
  expect(await documentOf(fresh)).toBeNull()
})

test('an expired file is absent, and its path is free for a new one', async () => {
  const name = newName()
  const expired = newRecord(name, longAgo())
  await records.insert(expired)
  expect(await records.findLive(expired.name)).toBeNull()
  expect(await records.findWithPath(expired._id.toHexString() as never)).toBeNull()
  const fresh = newRecord(name)
  await records.insert(fresh)
  expect((await records.findLive(fresh.name))?._id).toEqual(fresh._id)
  const ended = await documentOf(expired)
  expect(ended).toMatchObject({ state: 'deleted' })
  expect(ended?.bytesDueAt?.getTime()).toBeGreaterThan(Date.now() + 50 * 60_000)
})

test('only what has expired by the clock of the database is ended', async () => {
  const [expired, later, never] = [
    newRecord(newName(), longAgo()),
    newRecord(newName(), { expiresAt: new Date(Date.now() + 60_000) }),
    newRecord(newName()),
  ]
  for (const record of [expired, later, never]) await records.insert(record)
  expect(await records.ended.endExpired()).toBeGreaterThanOrEqual(1)
  const states = await Promise.all([expired, later, never].map(async (record) => (await documentOf(record))?.state))
  expect(states).toEqual(['deleted', 'live', 'live'])
})

test('a link leads to its file, whose name may repeat and is no path', async () => {
  const name = newName()
  const share = (link: string) => newRecord(name, { addressedBy: 'link', link: link.repeat(32) as LinkId })
  const [first, second] = [share('a'), share('b')]
  await records.insert(first)
  await records.insert(second)
  expect((await records.findByLink(second.link as LinkId))?._id).toEqual(second._id)
  expect(await records.findLive(first.name)).toBeNull()
  expect(await records.findWithPath(first._id.toHexString() as never)).toBeNull()
  await records.insert(newRecord(name))
  expect(await records.findLive(first.name)).not.toBeNull()
})

test('a list goes on from page to page in the order of names, and has what begins with the prefix', async () => {
  const prefix = `${newName()}/`
  const names = ['a', 'a/b', 'ab', 'B', 'é', '\u{1f600}', 'z'].map((end) => prefix + end)
  for (const name of [...names].reverse()) await records.insert(newRecord(name))
  await records.insert(newRecord(`${prefix.slice(0, -1)}0`))
  const found: FileRecord[] = []
  let after: ListPlace | null = null
  for (;;) {
    const page: FileRecord[] = await records.list({ addressedBy: 'path', prefix, after, limit: 3 })
    found.push(...page)
    const last = page.at(-1)
    if (last === undefined) break
    after = { name: last.name, id: last._id.toHexString() as never, value: null }
  }
  const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b))
  expect(found.map(({ name }) => name)).toEqual([...names].sort(byBytes))
  expect(found[0]).not.toHaveProperty('chunks')
})

test('a renamed file is found by its new path only, and none takes a path that is taken', async () => {
  const [record, other] = [newRecord(newName()), newRecord(newName())]
  await records.insert(record)
  await records.insert(other)
  await expect(records.change(record._id, { name: other.name })).rejects.toMatchObject({ name: 'FILE_EXISTS' })
  const name = newName() as FileName
  expect(await records.change(record._id, { name, contentType: 'text/csv' })).toMatchObject({
    name,
    contentType: 'text/csv',
  })
  expect(await records.findLive(record.name)).toBeNull()
  expect((await records.findLive(name))?._id).toEqual(record._id)
  await records.markDeleted(name)
  expect(await records.change(record._id, { contentType: 'text/plain' })).toBeNull()
})

test('the copies that a file-server has are counted, not the files', async () => {
  const server = 'cccccccccccccccc' as never
  const record = newRecord(newName())
  const [chunk] = record.chunks
  const [replica] = chunk?.replicas ?? []
  if (chunk === undefined || replica === undefined) throw new Error('no chunk')
  const own = { ...chunk, replicas: [{ ...replica, server }] }
  await records.insert({ ...record, chunks: [own, chunk, own] })
  expect(await records.countOn(server)).toBe(2)
})
