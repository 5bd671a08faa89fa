import { StoreError } from '@holdfast/shared/errors/store-error'
import { createLogger } from '@holdfast/shared/node/logger'
import { Types } from 'mongoose'
import { afterEach, expect, test, vi } from 'vitest'
import { testInFull } from '../../../../test/full-run.ts'
import { audioFieldsOf } from '../../../src/audio/audio-fields-of.ts'
import { AudioCheck } from '../../../src/audio/decoding/check-audio.ts'
import { CannotDecode, type Decoded, DecoderEnded, type DecodeWish } from '../../../src/audio/decoding/decode-audio.ts'
import type { Track } from '../../../src/audio/track-list.ts'
import type { AudioFields } from '../../../src/files/audio-fields.ts'
import type { FileRecord } from '../../../src/files/file.model.ts'
import { type Jobs, jobId } from '../../../src/jobs/jobs.ts'
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
let second = Math.floor(Date.now() / 1000) - 7_200
/** @returns an id of a file that has its job already, as far as its age tells, and after all of those before */
const hourOld = () => Types.ObjectId.createFromTime(second++)
const peaks = { sampleRate: 8_000, samplesPerPeak: 64, data: Int8Array.from([-3, 4]) }

type Reading = (record: FileRecord) => Promise<AudioFields | null>
const decodeWell = async () => ({ seconds: 10, problems: [], peaks })

async function open(decode: (wish: DecodeWish) => Promise<Decoded>, readMetadata: Reading = async () => null) {
  const jobs = await MongoJobs.open(used.database, log, quickTiming)
  opened.push(jobs)
  const check = new AudioCheck({ model: used.model, jobs, log, ownUrl: 'http://manager', decode, readMetadata })
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

test('a file that cannot be had is tried again, then the failure stays to be seen, also in its record', async () => {
  const { check, store, read, jobs } = await open(() => Promise.reject(new Error('no file-server')))
  check.start()
  const record = await store()
  check.onVisible(record)
  await vi.waitFor(
    async () => expect(await jobs.list(10)).toMatchObject([{ state: 'failed', error: 'no file-server' }]),
    8_000,
  )
  const reason = 'it was not decoded: no file-server'
  expect((await read(record)).audio).toMatchObject({ verdict: 'unknown', isChecked: false, reason })
})

/** Waits until the job of this file has failed, and has it so for so long. */
async function letFail(jobs: Jobs, { _id }: FileRecord, ms: number): Promise<void> {
  const id = jobId({ kind: 'check-audio', key: _id.toHexString() })
  await vi.waitFor(async () => expect(await jobs.find(id)).toMatchObject({ state: 'failed' }), 8_000)
  const collection = used.database.connection.collection<{ _id: string }>('jobs')
  await collection.updateOne({ _id: id }, { $set: { failedAt: new Date(Date.now() - ms) } })
}

test('the loop begins a file anew that has failed for an hour, and its reason goes', async () => {
  let isAway = true
  const { check, store, read, jobs } = await open(async () => {
    if (isAway) throw new Error('no file-server')
    return decodeWell()
  })
  check.start()
  const record = await store({ _id: hourOld() })
  const { run } = check.loop()
  await run(new AbortController().signal)
  await letFail(jobs, record, 3_500_000)
  isAway = false
  await run(new AbortController().signal)
  expect(await jobs.list(10)).toMatchObject([{ state: 'failed' }])
  await letFail(jobs, record, 3_700_000)
  await run(new AbortController().signal)
  await vi.waitFor(async () => expect((await read(record)).audio).toMatchObject({ verdict: 'ok', reason: null }))
})

test('a file that its manager was killed over each time says so, and is not begun anew', async () => {
  const decode = vi.fn(decodeWell)
  const { check, store, read, jobs } = await open(decode)
  const record = await store({ _id: hourOld() })
  const { run } = check.loop()
  await run(new AbortController().signal)
  const id = jobId({ kind: 'check-audio', key: record._id.toHexString() })
  await used.database.connection
    .collection<{ _id: string; attempts: number }>('jobs')
    .updateOne({ _id: id }, { $set: { attempts: quickTiming.attempts } })
  await run(new AbortController().signal)
  expect((await read(record)).audio.reason).toBeNull()
  check.start()
  await letFail(jobs, record, 20 * 86_400_000)
  await run(new AbortController().signal)
  const reason = 'it was not decoded: its process ended over it each time'
  expect((await read(record)).audio).toMatchObject({ verdict: 'unknown', isChecked: false, reason })
  expect(decode).not.toHaveBeenCalled()
})

test.each([
  ['does not tell', { bitRate: null, duration: null, isEstimated: false }, 800],
  ['tells', { bitRate: 64_000 }, 64_000],
])('the bit rate of a file that %s it is in its record once it is decoded', async (_what, facts, bitRate) => {
  const { check, store, read } = await open(decodeWell)
  check.start()
  const record = await store({ size: 1_000, audio: audioFieldsOf({ ...metadata, ...facts }, 'x') })
  check.onVisible(record)
  await vi.waitFor(async () => expect((await read(record)).audio.isChecked).toBe(true))
  expect((await read(record)).audio).toMatchObject({ bitRate, keys: { bitRate, duration: 10 }, duration: 10 })
})

test('a file that its decoder ended over is not begun anew, and says why', async () => {
  const { check, store, read, jobs } = await open(() => Promise.reject(new DecoderEnded('ended by SIGKILL')))
  check.start()
  const record = await store({ _id: hourOld() })
  const { run } = check.loop()
  await run(new AbortController().signal)
  await letFail(jobs, record, 20 * 86_400_000)
  await run(new AbortController().signal)
  expect(await jobs.list(10)).toMatchObject([{ state: 'failed', error: 'ended by SIGKILL' }])
  expect((await read(record)).audio.reason).toBe('it was not decoded: ended by SIGKILL')
})

testInFull('the loop goes on behind those that it added before', async () => {
  const { check, store, jobs } = await open(decodeWell)
  const files = Array.from({ length: 600 }, () => {
    const name = newName()
    return newRecord(name, { _id: hourOld(), audio: audioFieldsOf(metadata, name) })
  })
  await used.model.collection.insertMany(files as never)
  const last = await store({ _id: hourOld() })
  const { run } = check.loop()
  await run(new AbortController().signal)
  const id = jobId({ kind: 'check-audio', key: last._id.toHexString() })
  expect(await jobs.find(id)).toBeNull()
  await run(new AbortController().signal)
  expect(await jobs.find(id)).toMatchObject({ state: 'waiting' })
})

test('metadata that could not be read when a file came is read later, and then the file is decoded', async () => {
  let isAway = true
  const { check, store, read, jobs } = await open(decodeWell, async ({ name }) => {
    if (isAway) throw new StoreError('FILE_UNAVAILABLE')
    return audioFieldsOf(metadata, name)
  })
  check.start()
  const due = { _id: hourOld(), audioDue: true } as const
  const record = await store(due)
  await used.model.collection.updateOne({ _id: record._id }, { $unset: { audio: true } })
  const { run } = check.loop()
  await run(new AbortController().signal)
  await letFail(jobs, record, 3_700_000)
  isAway = false
  await run(new AbortController().signal)
  await vi.waitFor(async () => expect((await read(record)).audio?.verdict).toBe('ok'))
  const found = await read(record)
  expect(found).not.toHaveProperty('audioDue')
  expect(found.audio).toMatchObject({ codec: 'aac', keys: { duration: 10 } })
})

test('a file that turns out to be no audio is due no longer', async () => {
  const { check, store, read, jobs } = await open(decodeWell)
  check.start()
  const record = await store({ audioDue: true })
  await used.model.collection.updateOne({ _id: record._id }, { $unset: { audio: true } })
  check.onVisible({ _id: record._id, addressedBy: 'path', audioDue: true })
  await vi.waitFor(async () => expect(await read(record)).not.toHaveProperty('audioDue'))
  await vi.waitFor(async () => expect(await jobs.list(10)).toEqual([]))
  expect(await read(record)).not.toHaveProperty('audio')
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
  const lost = await store({ _id: hourOld() })
  await store() // it came just now
  await store({ _id: hourOld(), state: 'deleted' })
  await store({ _id: hourOld(), audio: { ...audioFieldsOf(metadata, 'x'), isChecked: true } })
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
