import { createHash } from 'node:crypto'
import { createLogger } from '@holdfast/shared/node/logger'
import { Types } from 'mongoose'
import { afterEach, expect, test, vi } from 'vitest'
import { testInFull } from '../../../../test/full-run.ts'
import type { FileRecord } from '../../../src/files/file.model.ts'
import { FileRecords } from '../../../src/files/file-records.ts'
import type { Jobs } from '../../../src/jobs/jobs.ts'
import { MongoJobs } from '../../../src/jobs/mongo-jobs.ts'
import { MerkleHasher } from '../../../src/peers/torrents/merkle-hasher.ts'
import { trackedHashesOf } from '../../../src/peers/torrents/metainfo.ts'
import { TorrentJobs } from '../../../src/peers/torrents/torrent-jobs.ts'
import { TorrentRecords } from '../../../src/peers/torrents/torrent-records.ts'
import { TorrentWishes } from '../../../src/peers/torrents/torrent-wishes.ts'
import { Torrents } from '../../../src/peers/torrents/torrents.ts'
import { quickTiming } from '../../jobs/open-jobs.ts'
import { newName, newRecord, useDatabase } from '../../mongo/mongo-fixture.ts'

const used = useDatabase()
const log = createLogger('test', 'silent')
const opened: Jobs[] = []
const collection = (name: string) => used.database.connection.collection<{ _id: string }>(name)
afterEach(async () => {
  await Promise.all(opened.splice(0).map((jobs) => jobs.close()))
  for (const name of ['jobs', 'torrents', 'torrent_wishes']) await collection(name).deleteMany({})
  await used.model.collection.deleteMany({})
})

const bytes = Buffer.alloc(300_000, 'some bytes')
const sha1 = (of: Buffer) => createHash('sha1').update(of).digest()
const pieces = Buffer.concat([sha1(bytes.subarray(0, 262_144)), sha1(bytes.subarray(262_144))])
const merkle = (() => {
  const hasher = new MerkleHasher(262_144)
  hasher.update(bytes)
  return hasher.digest()
})()
async function* readAll(): AsyncGenerator<Buffer> {
  yield bytes.subarray(0, 100_000)
  yield bytes.subarray(100_000)
}

/** Makes what a manager has. */
async function open(read: () => AsyncGenerator<Buffer> = readAll, patienceMs = 10_000) {
  const jobs = await MongoJobs.open(used.database, log, quickTiming)
  opened.push(jobs)
  const [records, wishes] = [new TorrentRecords(used.database), new TorrentWishes(used.database)]
  await Promise.all([records.prepare(), wishes.prepare()])
  const files = new FileRecords(used.model)
  const torrentJobs = new TorrentJobs({
    ...{ jobs, records, wishes, log, read },
    findFile: (id) => files.findLiveById(id),
  })
  const tracked: string[] = []
  const swarms = { noteTracked: (hash: string) => void tracked.push(hash) }
  const torrents = new Torrents({ files, records, wishes, jobs: torrentJobs, swarms }, patienceMs)
  const store = async (): Promise<FileRecord> => {
    const record = newRecord(`films/${newName()}`, { size: bytes.length })
    await files.insert(record)
    return record
  }
  return { jobs, records, wishes, files, torrentJobs, torrents, tracked, store }
}
const lastOf = (name: string) => name.slice(name.lastIndexOf('/') + 1)
const idOf = ({ _id }: FileRecord) => _id.toHexString()

test('a file is hashed once for all who ask, by a job that is gone then', async () => {
  const read = vi.fn(readAll)
  const { torrents, torrentJobs, jobs, wishes, files, store, tracked } = await open(read)
  torrentJobs.start()
  const record = await store()
  const infos = await Promise.all(Array.from({ length: 20 }, () => torrents.of(record, '1')))
  const expected = { name: lastOf(record.name), size: bytes.length, pieceLength: 262_144, pieces }
  for (const info of infos) expect(info).toEqual({ ...expected, merkle: null })
  const hybrid = await torrents.of(record, 'hybrid')
  expect(hybrid).toEqual({ ...expected, merkle })
  expect(read).toHaveBeenCalledTimes(1)
  expect(new Set(tracked)).toEqual(
    new Set([...trackedHashesOf({ ...expected, merkle: null }), ...trackedHashesOf(hybrid)]),
  )
  expect(new Set(tracked).size).toBe(3)
  expect(await files.findTorrents(['0'.repeat(40), ...tracked])).toEqual(new Set(tracked))
  await vi.waitFor(async () => expect(await jobs.list(10)).toEqual([]))
  expect(await wishes.find(idOf(record))).toBeNull()
})

test('another manager does the job', async () => {
  const [asking, working] = [await open(), await open()]
  const record = await asking.store()
  working.torrentJobs.start()
  expect(await asking.torrents.of(record, '1')).toMatchObject({ pieces })
})

testInFull('a request that has waited long enough is told how far it is, and a later one has the torrent', async () => {
  let isReleased = false
  const { torrents, torrentJobs, store } = await open(async function* () {
    for (let at = 0; at < 75_000; at += 1_000) {
      yield bytes.subarray(at, at + 1_000)
      if (!isReleased) await new Promise((resolve) => setTimeout(resolve, 20))
    }
    await vi.waitFor(() => expect(isReleased).toBe(true), 30_000)
    yield bytes.subarray(75_000)
  }, 2_000)
  const record = await store()
  // Nobody does jobs yet.
  const early = torrents.of(record, '1')
  await expect(early).rejects.toMatchObject({ name: 'NOT_HASHED_YET', detail: 'it waits to be hashed for its torrent' })
  torrentJobs.start()
  await expect(torrents.of(record, '1')).rejects.toMatchObject({
    name: 'NOT_HASHED_YET',
    detail: expect.stringMatching(/^it is being hashed for its torrent, and ([1-9]|1\d|2[0-5]) % are done$/),
  })
  isReleased = true
  expect(await torrents.of(record, '1')).toMatchObject({ pieces })
})

testInFull('whoever waits is answered in his own time, however many come after him', async () => {
  const { torrents, store } = await open(readAll, 1_000)
  const record = await store()
  const first = torrents.of(record, '1').catch(({ name }: Error) => name)
  let isAnswered = false
  void first.then(() => {
    isAnswered = true
  })
  const later: Promise<unknown>[] = []
  for (let count = 0; count < 20 && !isAnswered; count++) {
    later.push(torrents.of(record, '1').catch(({ name }: Error) => name))
    await Promise.race([first, new Promise((resolve) => setTimeout(resolve, 300))])
  }
  expect(isAnswered).toBe(true)
  expect(await Promise.all([first, ...later])).toEqual(Array(1 + later.length).fill('NOT_HASHED_YET'))
})

test('nobody waits any longer on a manager that ends', async () => {
  const { torrents, store } = await open()
  const asked = torrents.of(await store(), '1')
  await vi.waitFor(async () => expect(await collection('jobs').countDocuments()).toBe(1))
  torrents.close()
  await expect(asked).rejects.toMatchObject({ name: 'NOT_HASHED_YET' })
})

test('a file that cannot be read fails for those who wait, stays to be seen, and is tried again for the next who asks', async () => {
  let isMended = false
  const { torrents, torrentJobs, jobs, store } = await open(async function* () {
    if (!isMended) throw new Error('no file-server')
    yield bytes
  })
  torrentJobs.start()
  const record = await store()
  await expect(torrents.of(record, '1')).rejects.toMatchObject({
    name: 'FILE_UNAVAILABLE',
    detail: expect.stringContaining('it cannot be hashed'),
  })
  await vi.waitFor(async () => {
    const failed = { kind: 'hash-torrent', key: idOf(record), state: 'failed' }
    expect(await jobs.list(10)).toMatchObject([{ ...failed, error: expect.stringContaining('no file-server') }])
  }, 8_000)
  isMended = true
  expect(await torrents.of(record, '1')).toMatchObject({ pieces })
  await vi.waitFor(async () => expect(await jobs.list(10)).toEqual([]))
})

test('a job that an operator retries makes the torrent, though nobody waits for it', async () => {
  let isMended = false
  const { torrents, torrentJobs, jobs, records, wishes, store } = await open(async function* () {
    if (!isMended) throw new Error('no file-server')
    yield bytes
  })
  torrentJobs.start()
  const record = await store()
  await expect(torrents.of(record, '1')).rejects.toMatchObject({ name: 'FILE_UNAVAILABLE' })
  const job = await vi.waitFor(async () => {
    const [failed] = await jobs.list(10)
    expect(failed?.state).toBe('failed')
    return failed
  }, 8_000)
  await wishes.remove(idOf(record))
  isMended = true
  expect(await jobs.retry(job?.id ?? '')).toBe(true)
  await vi.waitFor(async () => expect(await records.find(idOf(record))).toMatchObject({ pieces }), 8_000)
})

test('a torrent that an older version has kept stays what it is, and its hybrid has the same name and pieces', async () => {
  const { torrents, torrentJobs, store } = await open()
  torrentJobs.start()
  const record = await store()
  const old = { name: 'its first name.bin', size: bytes.length, pieceLength: 131_072, pieces: Buffer.alloc(60, 1) }
  await collection('torrents').insertOne({ _id: idOf(record), ...old, usedAt: new Date() } as never)
  const before = await torrents.of(record, '1')
  expect(before).toEqual({ ...old, merkle: null })
  const hybrid = await torrents.of(record, 'hybrid')
  expect(hybrid).toMatchObject(old)
  expect(hybrid.merkle?.layer).toHaveLength(3 * 32)
  expect(await torrents.of(record, '1')).toEqual(before)
})

test('a file that was renamed keeps its torrent, also when what was kept of it has gone', async () => {
  const { torrents, torrentJobs, files, store } = await open()
  torrentJobs.start()
  const record = await store()
  const before = await torrents.of(record, '1')
  await collection('torrents').deleteMany({})
  const renamed = await files.change(record._id, { name: newName() as FileRecord['name'] })
  expect(renamed?.name).not.toBe(record.name)
  expect(await torrents.of(renamed ?? record, '1')).toEqual(before)
})

test('the info-hashes of a file are known for as long as it is there, whatever becomes of all else', async () => {
  const { torrents, torrentJobs, files, store } = await open()
  torrentJobs.start()
  const record = await store()
  const hashes = trackedHashesOf(await torrents.of(record, 'hybrid'))
  for (const name of ['torrents', 'swarms']) await collection(name).deleteMany({})
  expect(await files.findTorrents(hashes)).toEqual(new Set(hashes))
  await files.markDeletedById(record._id)
  expect(await files.findTorrents(hashes)).toEqual(new Set())
})

test('a file that is deleted before its turn is no failure', async () => {
  const { torrents, torrentJobs, jobs, wishes, files, store } = await open()
  const record = await store()
  await files.markDeletedById(record._id)
  torrentJobs.start()
  await expect(torrents.of(record, '1')).rejects.toMatchObject({ name: 'FILE_UNAVAILABLE', detail: 'the file is gone' })
  await vi.waitFor(async () => expect(await jobs.list(10)).toEqual([]))
  expect(await wishes.find(idOf(record))).toBeNull()
})

test('bytes of another size than the file has are no torrent of it', async () => {
  const { torrents, torrentJobs, records, store } = await open(async function* () {
    yield bytes.subarray(1)
  })
  torrentJobs.start()
  const record = await store()
  await expect(torrents.of(record, '1')).rejects.toMatchObject({ name: 'FILE_UNAVAILABLE' })
  expect(await records.find(idOf(record))).toBeNull()
})

test('jobs that were lost are added again', async () => {
  const { torrents, torrentJobs, jobs, store } = await open(readAll, 0)
  const record = await store()
  await expect(torrents.of(record, '1')).rejects.toMatchObject({ name: 'NOT_HASHED_YET' })
  await collection('jobs').deleteMany({})
  await torrentJobs.loop().run(new AbortController().signal)
  expect(await jobs.list(10)).toMatchObject([{ key: idOf(record), state: 'waiting' }])
})

test('only so many files wait at once, and those that cannot be read are not counted', async () => {
  const { torrents, wishes, store } = await open(readAll, 0)
  const some = Array.from({ length: 199 }, () => new Types.ObjectId().toHexString())
  await collection('torrent_wishes').insertMany([
    ...some.map((_id) => ({ _id, askedAt: new Date(), hashedBytes: 0, problem: null })),
    { _id: 'unreadable', askedAt: new Date(), hashedBytes: 0, problem: 'File unavailable' },
  ] as never[])
  const [last, tooMany] = [await store(), await store()]
  await expect(torrents.of(last, '1')).rejects.toMatchObject({ name: 'NOT_HASHED_YET' })
  await expect(torrents.of(tooMany, '1')).rejects.toMatchObject({ name: 'OVERLOADED' })
  expect(await wishes.find(idOf(tooMany))).toBeNull()
  // One that waits already may be asked for again.
  await expect(torrents.of(last, '1')).rejects.toMatchObject({ name: 'NOT_HASHED_YET' })
})
