import { randomBytes } from 'node:crypto'
import { afterEach, expect, test, vi } from 'vitest'
import { ManagerDirectory } from '../../src/mongo/manager-directory.ts'
import { useDatabase } from './mongo-fixture.ts'

const used = useDatabase()
let running: ManagerDirectory[] = []

const addressOf = (number: number): string => `http://127.0.0.1:${10_000 + number}`

async function start(url: string | null, onChange: () => void = () => undefined): Promise<ManagerDirectory> {
  const directory = new ManagerDirectory(used.database, { managerId: randomBytes(8).toString('hex'), url }, onChange)
  running.push(directory)
  await directory.start()
  return directory
}

afterEach(async () => {
  await Promise.all(running.map((directory) => directory.close()))
  running = []
})

test('managers find each other as soon as one is told to look again, and forget one that has ended', async () => {
  const onChange = vi.fn()
  const first = await start(addressOf(1), onChange)
  const second = await start(addressOf(2))
  first.lookAgain()
  await vi.waitFor(() => expect(first.urls).toEqual([addressOf(1), addressOf(2)]))
  expect(onChange).toHaveBeenCalledOnce()
  await second.close()
  first.lookAgain()
  await vi.waitFor(() => expect(first.urls).toEqual([addressOf(1)]))
})

test('one that is killed and started again fifty times does not crowd out the others', async () => {
  const other = await start(addressOf(9))
  for (let count = 0; count < 50; count += 1) {
    // A manager that is killed never closes.
    await start(addressOf(1))
  }
  expect((await start(addressOf(2))).urls).toEqual([addressOf(1), addressOf(2), addressOf(9)])
  other.lookAgain()
  await vi.waitFor(() => expect(other.urls).toHaveLength(3))
})

test('one without an address to dial is offered to nobody', async () => {
  const hidden = await start(null)
  expect(hidden.urls).toEqual([])
})

test('many workers are all offered, and beyond the bound the same ones each time', async () => {
  const url = (number: number): string => `http://127.0.0.1:${20_000 + number}`
  const seenAt = new Date(Date.now() + 30_000)
  const managers = Array.from({ length: 300 }, (_, number) => ({ _id: `many-${number}`, url: url(number), seenAt }))
  const collection = used.database.connection.collection<{ _id: string; url: string; seenAt: Date }>('managers')
  await collection.insertMany(managers)
  const directory = await start(url(299))
  const offered = managers.slice(0, 256).map((manager) => manager.url)
  expect(directory.urls).toEqual(offered)
  // It makes no difference who was seen last.
  const later = new Date(Date.now() + 40_000)
  await collection.updateMany({ url: { $gt: url(250) } }, { $set: { seenAt: later } })
  await collection.insertOne({ _id: 'first', url: addressOf(1), seenAt })
  directory.lookAgain()
  await vi.waitFor(() => expect(directory.urls[0]).toBe(addressOf(1)))
  expect(directory.urls).toEqual([addressOf(1), ...offered.slice(0, 255)])
})
