import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { testInFull } from '../../../test/full-run.ts'
import type { FileRecord } from '../../src/files/file.model.ts'
import { FileRecords } from '../../src/files/file-records.ts'
import { UnfinishedFiles } from '../../src/files/unfinished-files.ts'
import { newName, newRecord, useDatabase } from '../mongo/mongo-fixture.ts'

const UNFINISHED_MS = 2_000
const used = useDatabase()
let records: FileRecords
beforeAll(() => {
  records = new FileRecords(used.model)
})
afterAll(() => vi.restoreAllMocks())

async function store(unfinished: UnfinishedFiles): Promise<FileRecord> {
  const record = { ...newRecord(newName()), expiresAt: unfinished.expiry(new Date()) }
  await records.insert(record)
  unfinished.add(record)
  return record
}

const expiryOf = async ({ _id }: FileRecord) => (await used.model.findById(_id).lean())?.expiresAt

testInFull('files of a form do not expire while others come in, and stay when all are there', async () => {
  using unfinished = new UnfinishedFiles(records, UNFINISHED_MS)
  const first = await store(unfinished)
  await delay(2 * UNFINISHED_MS)
  const second = await store(unfinished)
  expect((await expiryOf(first))?.getTime()).toBeGreaterThan(Date.now())
  const stored = await unfinished.finish(null)
  expect(stored.map(({ _id, expiresAt }) => [_id, expiresAt])).toEqual([first, second].map(({ _id }) => [_id, null]))
  expect([await expiryOf(first), await expiryOf(second)]).toEqual([null, null])
})

test('a renewal that reaches the database late changes no file that is finished', async () => {
  using unfinished = new UnfinishedFiles(records, UNFINISHED_MS)
  const late: (() => Promise<unknown>)[] = []
  const setExpiry = records.setExpiry.bind(records)
  vi.spyOn(records, 'setExpiry').mockImplementationOnce(async (...asked) => {
    late.push(() => setExpiry(...asked))
    throw new Error('its outcome is not known')
  })
  const record = await store(unfinished)
  await vi.waitFor(() => expect(late).toHaveLength(1))
  const tomorrow = new Date(Date.now() + 86_400_000)
  await unfinished.finish(tomorrow)
  await late[0]?.()
  expect(await expiryOf(record)).toEqual(tomorrow)
})

test('files of a form that failed are deleted, and where one is gone the form has failed', async () => {
  using failed = new UnfinishedFiles(records, UNFINISHED_MS)
  const record = await store(failed)
  await failed.abandon()
  expect(await records.findLive(record.name)).toBeNull()
  await expect(failed.finish(null)).rejects.toMatchObject({ name: 'FILE_UNAVAILABLE' })
})
