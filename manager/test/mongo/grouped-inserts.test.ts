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
  await collection.createIndex({ name: 1 }, { unique: true, name: 'live_path', sparse: true })
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
/** @returns what the server says to an insert of these, thrown or not */
const reply = (documents: Doc[], options: object = {}) =>
  database.command({ insert: 'docs', documents, ordered: false, ...options }) as Promise<
    Parameters<typeof outcomesOf>[0]
  >

test('a thousand inserts at once need few calls, and every one is there', async () => {
  const grouped = new GroupedInserts<Doc>(database, 'docs')
  const docs = Array.from({ length: 1_000 }, () => newDoc())
  const outcomes = await Promise.all(docs.map((doc) => grouped.insert(doc)))
  expect(outcomes.every((outcome) => outcome.kind === 'inserted')).toBe(true)
  expect(inserts.length).toBeLessThan(20)
  expect(inserts.reduce((sum, size) => sum + size, 0)).toBe(1_000)
  expect(await collection.countDocuments({ _id: { $in: docs.map((doc) => doc._id) } })).toBe(1_000)
})

test('each caller of a group gets its own outcome', async () => {
  const grouped = new GroupedInserts<Doc>(database, 'docs')
  const taken = newDoc('taken')
  await grouped.insert(taken)
  const docs = [newDoc(), newDoc('taken'), taken, newDoc('free'), newDoc('free'), newDoc()]
  const outcomes = await Promise.all(docs.map((doc) => grouped.insert(doc)))
  expect(outcomes).toEqual<InsertOutcome[]>([
    { kind: 'inserted' },
    { kind: 'duplicate', index: 'live_path' },
    { kind: 'duplicate', index: '_id_' },
    { kind: 'inserted' },
    { kind: 'duplicate', index: 'live_path' },
    { kind: 'inserted' },
  ])
  expect(inserts.at(-1)).toBe(6)
})

test('a document that is there already, name and all, is refused by its own _id, not by its name', async () => {
  const doc = newDoc(randomBytes(4).toString('hex'))
  expect(outcomesOf(await reply([doc]), 1)).toEqual([{ kind: 'inserted' }])
  expect(outcomesOf(await reply([doc]), 1)).toEqual([{ kind: 'duplicate', index: '_id_' }])
})

test('a name that looks like the message of another index changes no outcome', async () => {
  const name = 'x index: _id_ dup key: { _id: 1 }'
  await reply([newDoc(name)])
  expect(outcomesOf(await reply([newDoc(name)]), 1)).toEqual([{ kind: 'duplicate', index: 'live_path' }])
})

test('an error that is no reply says nothing of any document', async () => {
  const grouped = new GroupedInserts<Doc>(database, 'docs')
  const error = new mongo.MongoNetworkError('the connection was closed')
  vi.spyOn(database, 'command').mockRejectedValue(error)
  const unknown = { kind: 'unknown', cause: error }
  expect(await Promise.all([grouped.insert(newDoc()), grouped.insert(newDoc())])).toEqual([unknown, unknown])
})

test('after a write concern that failed nothing is known of documents that were not refused', async () => {
  const command = database.command.bind(database)
  const writeConcern = { w: 5, wtimeout: 50 } // the replica set has fewer members
  vi.spyOn(database, 'command').mockImplementation((given) => command({ ...given, writeConcern }))
  const grouped = new GroupedInserts<Doc>(database, 'docs')
  const doc = newDoc()
  expect(await grouped.insert(doc)).toMatchObject({ kind: 'unknown' })
  const outcomes = await Promise.all([grouped.insert(doc), grouped.insert(newDoc())])
  expect(outcomes).toMatchObject([{ kind: 'duplicate', index: '_id_' }, { kind: 'unknown' }])
})

test('a document that the server refuses for another reason is unknown, the others are as they are', async () => {
  await database.createCollection('strict', { validator: { name: { $ne: 'forbidden' } } })
  const grouped = new GroupedInserts<Doc>(database, 'strict')
  const first = grouped.insert(newDoc())
  const [good, bad] = await Promise.all([grouped.insert(newDoc('good')), grouped.insert(newDoc('forbidden'))])
  await first
  expect([good.kind, bad.kind]).toEqual(['inserted', 'unknown'])
})

test('a document that waits for its turn when its time is up is not sent, one in flight is unknown', async () => {
  const grouped = new GroupedInserts<Doc>(database, 'docs')
  let release = (): void => undefined
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const command = vi.spyOn(database, 'command').mockImplementation(async () => {
    await held
    throw new mongo.MongoNetworkError('closed')
  })
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const inFlight = grouped.insert(newDoc())
  await vi.waitFor(() => expect(command).toHaveBeenCalledTimes(1))
  void grouped.insert(newDoc())
  await vi.waitFor(() => expect(command).toHaveBeenCalledTimes(2))
  const waiting = grouped.insert(newDoc())
  vi.advanceTimersByTime(ASK_DEADLINE_MS)
  expect(await waiting).toEqual({ kind: 'unsent' })
  expect(await inFlight).toEqual({ kind: 'unknown', cause: undefined })
  release()
  await vi.waitFor(() => expect(command.mock.settledResults[0]?.type).toBe('rejected'))
  expect(command).toHaveBeenCalledTimes(2)
  command.mockRestore()
  vi.useRealTimers()
  expect(await grouped.insert(newDoc())).toEqual({ kind: 'inserted' })
})

test('what waits is bounded', async () => {
  // The timers are faked, so the time of no document is up, however long the machine takes for so many.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const grouped = new GroupedInserts<Doc>(database, 'docs')
  let release = (): void => undefined
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  vi.spyOn(database, 'command').mockImplementation(() => held.then(() => ({})))
  const outcomes = Array.from({ length: 20_000 }, () => grouped.insert(newDoc()))
  await expect(grouped.insert(newDoc())).rejects.toMatchObject({ name: 'OVERLOADED' })
  release()
  expect((await Promise.all(outcomes)).every((outcome) => outcome.kind === 'inserted')).toBe(true)
})
