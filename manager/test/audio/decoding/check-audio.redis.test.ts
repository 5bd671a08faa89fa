import { createLogger } from '@holdfast/shared/node/logger'
import { Redis } from 'ioredis'
import { Types } from 'mongoose'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type RunningRedis, startRedis } from '../../../../launcher/src/redis/start-redis.ts'
import { audioFieldsOf } from '../../../src/audio/audio-fields-of.ts'
import { AudioCheck } from '../../../src/audio/decoding/check-audio.ts'
import { openJobs, quickTiming } from '../../jobs/open-jobs.ts'
import { newName, newRecord, useDatabase } from '../../mongo/mongo-fixture.ts'

const used = useDatabase()
const log = createLogger('test', 'silent')
let redis: RunningRedis | string
beforeAll(async () => {
  redis = await startRedis()
  if (typeof redis === 'string') console.warn(redis)
}, 180_000)
afterAll(async () => {
  if (typeof redis !== 'string') await redis.stop()
})

const metadata = {
  ...{ container: 'aac' as const, codec: 'aac', duration: 10, isEstimated: true, bitRate: 64_000, sampleRate: 8_000 },
  ...{ channels: 1, bitDepth: null, lossless: false, tags: {}, cover: null, flaw: null },
}
const peaks = { sampleRate: 8_000, samplesPerPeak: 64, data: Int8Array.from([-3, 4]) }

test('what was lost with a Redis is added again by the loop, and done', async () => {
  if (typeof redis === 'string') return
  const jobs = await openJobs(redis.url, 'lost', quickTiming)
  const check = new AudioCheck({
    ...{ model: used.model, jobs, log, ownUrl: 'http://manager' },
    decode: async () => ({ seconds: 9.5, problems: [], peaks }),
    readMetadata: async (record) => audioFieldsOf(metadata, record.name),
  })
  const anHourAgo = Math.floor(Date.now() / 1000) - 3_600
  const [known, due] = [0, 1].map((index) => {
    const name = newName()
    const need = index === 0 ? { audio: audioFieldsOf(metadata, name) } : { audioDue: true as const }
    return newRecord(name, { _id: Types.ObjectId.createFromTime(anHourAgo + index), ...need })
  })
  await used.model.collection.insertMany([known, due] as never)
  const { run } = check.loop()
  const { signal } = new AbortController()
  try {
    await run(signal)
    expect(await jobs.list(10)).toHaveLength(2)
    const client = new Redis(redis.url)
    await client.flushall()
    client.disconnect()
    expect(await jobs.list(10)).toEqual([])
    await run(signal)
    expect(await jobs.list(10)).toHaveLength(2)
    check.start()
    const isChecked = { 'audio.verdict': 'ok', 'audio.isChecked': true }
    await vi.waitFor(async () => expect(await used.model.countDocuments(isChecked as never)).toBe(2), 8_000)
  } finally {
    await jobs.close()
  }
})
