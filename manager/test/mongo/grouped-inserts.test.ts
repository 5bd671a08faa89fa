import { randomBytes } from 'node:crypto'
import { mongo } from 'mongoose'
import { afterAll, afterEach, beforeAll, expect, inject, test, vi } from 'vitest'
import { ASK_DEADLINE_MS } from '../../src/mongo/database.ts'
import { GroupedInserts, type InsertOutcome, outcomesOf } from '../../src/mongo/grouped-inserts.ts'

interface Doc extends mongo.Document {
  readonly _id: string
  readonly name?: string
}

const client = new mongo.MongoClient(inject('mongoUrl'), { monitorCommands: true, retryWrites: false })
const database = client.db(`test-${randomBytes(6).toString('hex')}`)
const collection = database.collection<Doc>('docs')
const inserts: number[] = []
client.on('commandStarted', ({ commandName, command }) => {
  if (commandName === 'insert' && command.insert === 'docs') inserts.push(command.documents?.length ?? 0)
})

beforeAll(async () => {
  await collection.createIndex({ name: 1 }, { unique: true, name: 'live_name', sparse: true })
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
  inserts.length = 0
})
afterAll(async () => {
  await database.dropDatabase()
  await client.close()
})

const newDoc = (name?: string): Doc => ({
  _id: randomBytes(8).toString('hex'),
  ...(name === undefined ? {} : { name }),
})
const bulk = (docs: Doc[], options: object = {}): Promise<unknown> =>
  collection.insertMany(docs, { ordered: false, ...options }).then(
    () => undefined,
    (error: unknown) => error,
  )

test('a thousand inserts at once need few calls, and every one is there', async () => {
  const grouped = new GroupedInserts(collection)
  const docs = Array.from({ length: 1_000 }, () => newDoc())
  const outcomes = await Promise.all(docs.map((doc) => grouped.insert(doc)))
  expect(outcomes.every((outcome) => outcome.kind === 'inserted')).toBe(true)
  expect(inserts.length).toBeLessThan(20)
  expect(inserts.reduce((sum, size) => sum + size, 0)).toBe(1_000)
  expect(await collection.countDocuments({ _id: { $in: docs.map((doc) => doc._id) } })).toBe(1_000)
})

test('each caller of a group gets its own outcome', async () => {
  const grouped = new GroupedInserts(collection)
  const taken = newDoc('taken')
  await grouped.insert(taken)
  const docs = [newDoc(), newDoc('taken'), taken, newDoc('free'), newDoc('free'), newDoc()]
  const first = grouped.insert(newDoc()) // in flight, so that the rest goes as one group
  const outcomes = await Promise.all(docs.map((doc) => grouped.insert(doc)))
  await first
  expect(outcomes).toEqual<InsertOutcome[]>([
    { kind: 'inserted' },
    { kind: 'duplicate', index: 'live_name' },
    { kind: 'duplicate', index: '_id_' },
    { kind: 'inserted' },
    { kind: 'duplicate', index: 'live_name' },
    { kind: 'inserted' },
  ])
  expect(inserts.at(-1)).toBe(6)
})

test('a document that is there already, name and all, is refused by its own _id, not by its name', async () => {
  const doc = newDoc(randomBytes(4).toString('hex'))
  expect(outcomesOf(await bulk([doc]), 1)).toHaveLength(1)
  expect(outcomesOf(await bulk([doc]), 1)).toEqual([{ kind: 'duplicate', index: '_id_' }])
})

test('a name that looks like the message of another index changes no outcome', async () => {
  const name = 'x index: _id_ dup key: { _id: 1 }'
  await bulk([newDoc(name)])
  expect(outcomesOf(await bulk([newDoc(name)]), 1)).toEqual([{ kind: 'duplicate', index: 'live_name' }])
})

test('errors that are no refusal of a document say nothing of any', async () => {
  const unknown = (error: unknown) =>
    expect(outcomesOf(error, 2)).toMatchObject([{ kind: 'unknown' }, { kind: 'unknown' }])
  unknown(undefined)
  unknown(null)
  unknown(new Error('anything'))
  unknown(new mongo.MongoNetworkError('the connection was closed'))
  unknown(new mongo.MongoServerSelectionError('nobody there', {} as never))
})

test('after a write concern that failed nothing is known of documents that were not refused', async () => {
  const doc = newDoc()
  const writeConcern = { w: 5, wtimeoutMS: 50 } // more members than the replica set has
  const error = await bulk([doc, newDoc()], { writeConcern })
  expect(error).toBeInstanceOf(Error)
  expect(outcomesOf(error, 2)).toMatchObject([{ kind: 'unknown' }, { kind: 'unknown' }])
  const mixed = await bulk([doc, newDoc()], { writeConcern })
  const outcomes = outcomesOf(mixed, 2)
  expect(outcomes[1]?.kind).toBe('unknown')
  expect(['duplicate', 'unknown']).toContain(outcomes[0]?.kind)
})

test('a document that the server refuses for another reason is unknown, the others are as they are', async () => {
  const strict = database.collection<Doc>('strict')
  await database.createCollection('strict', { validator: { name: { $ne: 'forbidden' } } })
  const grouped = new GroupedInserts(strict)
  const first = grouped.insert(newDoc())
  const [good, bad] = await Promise.all([grouped.insert(newDoc('good')), grouped.insert(newDoc('forbidden'))])
  await first
  expect([good.kind, bad.kind]).toEqual(['inserted', 'unknown'])
})

test('a document that waits for its turn when its time is up is not sent, one in flight is unknown', async () => {
  const grouped = new GroupedInserts(collection)
  let release = (): void => undefined
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const insertMany = vi.spyOn(collection, 'insertMany').mockImplementation(async () => {
    await held
    throw new mongo.MongoNetworkError('closed')
  })
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const inFlight = grouped.insert(newDoc())
  const waiting = grouped.insert(newDoc())
  vi.advanceTimersByTime(ASK_DEADLINE_MS)
  expect(await waiting).toEqual({ kind: 'unsent' })
  expect(await inFlight).toEqual({ kind: 'unknown', cause: undefined })
  release()
  await vi.waitFor(() => expect(insertMany.mock.settledResults[0]?.type).toBe('rejected'))
  expect(insertMany).toHaveBeenCalledTimes(1)
  insertMany.mockRestore()
  vi.useRealTimers()
  expect(await grouped.insert(newDoc())).toEqual({ kind: 'inserted' })
})

test('what waits is bounded', async () => {
  const grouped = new GroupedInserts(collection)
  let release = (): void => undefined
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  vi.spyOn(collection, 'insertMany').mockImplementation(() => held as never)
  const outcomes = Array.from({ length: 20_001 }, () => grouped.insert(newDoc()))
  expect(() => grouped.insert(newDoc())).toThrow(expect.objectContaining({ name: 'OVERLOADED' }))
  release()
  expect((await Promise.all(outcomes)).every((outcome) => outcome.kind === 'inserted')).toBe(true)
})
