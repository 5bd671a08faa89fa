import { createLogger } from '@holdfast/shared/node/logger'
import { Types } from 'mongoose'
import { afterEach, expect, test, vi } from 'vitest'
import { audioFieldsOf } from '../../../src/audio/audio-fields-of.ts'
import { AudioCheck } from '../../../src/audio/decoding/check-audio.ts'
import { CannotDecode, type Decoded, type DecodeWish } from '../../../src/audio/decoding/decode-audio.ts'
import type { Track } from '../../../src/audio/track-list.ts'
import type { FileRecord } from '../../../src/files/file.model.ts'
import type { Jobs } from '../../../src/jobs/jobs.ts'
import { MongoJobs } from '../../../src/jobs/mongo-jobs.ts'
import { quickTiming } from '../../jobs/open-jobs.ts'
import { newName, newRecord, useDatabase } from '../../mongo/mongo-fixture.ts'

const used = useDatabase()
const log = createLogger('test', 'silent')
const opened: Jobs[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((jobs) => jobs.close()))
  await used.model.collection.deleteMany({})
  await used.database.connection.collection('jobs').deleteMany({})
})

const metadata = {
  ...{ container: 'aac' as const, codec: 'aac', duration: 10, isEstimated: true, bitRate: 64_000, sampleRate: 8_000 },
  ...{ channels: 1, bitDepth: null, lossless: false, tags: {}, cover: null, flaw: null },
}
const peaks = { sampleRate: 8_000, samplesPerPeak: 64, data: Int8Array.from([-3, 4]) }

async function open(decode: (wish: DecodeWish) => Promise<Decoded>) {
  const jobs = await MongoJobs.open(used.database, log, quickTiming)
  opened.push(jobs)
  const check = new AudioCheck({ model: used.model, jobs, log, ownUrl: 'http://manager', decode })
  const store = async (fields: Partial<FileRecord> = {}): Promise<FileRecord> => {
    const name = newName()
    const record = newRecord(name, { audio: audioFieldsOf(metadata, name), ...fields })
    await used.model.collection.insertOne(record as never)
    return record
  }
  const read = ({ _id }: FileRecord) => used.model.collection.findOne({ _id }) as unknown as Promise<Track>
  return { jobs, check, store, read }
}

test('a file is decoded when it has become visible, and its record says what came out', async () => {
  const wishes: DecodeWish[] = []
  const { check, store, read, jobs } = await open(async (wish) => {
    wishes.push(wish)
    return { seconds: 9.5, problems: [], peaks }
  })
  check.start()
  const record = await store()
  check.onVisible(record)
  await vi.waitFor(async () => expect((await read(record)).audio.isChecked).toBe(true))
  const { audio } = await read(record)
  expect(audio).toMatchObject({
    verdict: 'ok',
    reason: null,
    duration: 9.5,
    isEstimated: false,
    keys: { duration: 9.5 },
  })
  // The database's driver returns a Binary.
  expect(audio.peaks?.data.toString('hex')).toBe('fd04')
  expect(wishes).toEqual([
    {
      url: `http://manager/file/${record.name}`,
      etag: `"${record.sha256}"`,
      container: 'aac',
      codec: 'aac',
      sampleRate: 8_000,
    },
  ])
  await vi.waitFor(async () => expect(await jobs.list(10)).toEqual([]))
})

test('a file that cannot be had is tried again, then the failure stays to be seen', async () => {
  const { check, store, read, jobs } = await open(() => Promise.reject(new Error('no file-server')))
  check.start()
  const record = await store()
  check.onVisible(record)
  await vi.waitFor(
    async () => expect(await jobs.list(10)).toMatchObject([{ state: 'failed', error: 'no file-server' }]),
    8_000,
  )
  expect((await read(record)).audio).toMatchObject({ verdict: 'unknown', isChecked: false })
})

test('a file that cannot be decoded here has no verdict, and is not looked at again', async () => {
  const { check, store, read } = await open(() => Promise.reject(new CannotDecode('only ffmpeg could')))
  check.start()
  const record = await store()
  check.onVisible(record)
  await vi.waitFor(async () => expect((await read(record)).audio.isChecked).toBe(true))
  expect((await read(record)).audio).toMatchObject({ verdict: 'unknown', reason: 'only ffmpeg could' })
  await check.retryUndecoded()
  expect((await read(record)).audio.isChecked).toBe(false)
})

test('a file that gets another name while it is decoded is not judged by it', async () => {
  const { check, store, read, jobs } = await open(async () => {
    await used.model.collection.updateOne({ _id: record._id }, { $set: { name: newName() } })
    return { seconds: 0, problems: [], peaks }
  })
  const record = await store()
  check.start()
  check.onVisible(record)
  await vi.waitFor(async () => expect(await jobs.list(10)).toEqual([]))
  expect((await read(record)).audio).toMatchObject({ verdict: 'unknown', isChecked: false })
})

test('the loop adds the jobs that were lost, and those of no other files', async () => {
  const { check, store, jobs } = await open(async () => ({ seconds: 10, problems: [], peaks }))
  let second = Math.floor(Date.now() / 1000) - 3_600
  const old = () => Types.ObjectId.createFromTime(second++)
  const lost = await store({ _id: old() })
  await store() // it came just now
  await store({ _id: old(), state: 'deleted' })
  await store({ _id: old(), audio: { ...audioFieldsOf(metadata, 'x'), isChecked: true } })
  await check.loop().run(new AbortController().signal)
  expect(await jobs.list(10)).toMatchObject([{ key: lost._id.toHexString(), state: 'waiting' }])
})

test('a file that is deleted before its turn is no failure', async () => {
  const decode = vi.fn(async () => ({ seconds: 10, problems: [], peaks }))
  const { check, store, jobs } = await open(decode)
  const record = await store({ state: 'deleted' })
  check.onVisible(record)
  check.start()
  await vi.waitFor(async () => expect(await jobs.list(10)).toEqual([]))
  expect(decode).not.toHaveBeenCalled()
})
