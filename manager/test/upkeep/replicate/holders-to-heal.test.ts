import { type ServerId, SLOT_COUNT } from '@holdfast/shared/ids'
import { Types } from 'mongoose'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Holder } from '../../../src/files/file.model.ts'
import type { HolderRecords, ShortRange, SlotPage } from '../../../src/files/holder-records.ts'
import { HoldersToHeal } from '../../../src/upkeep/replicate/holders-to-heal.ts'

const server = 'a'.repeat(16) as ServerId
const ignored = (): void => undefined
const newHolder = (short?: number): Holder => ({
  ...{ _id: new Types.ObjectId(), state: 'live', storageClass: 'replicated', chunks: [] },
  ...(short !== undefined && { short }),
})
const lostAt = (time: number) => new Map([[server, new Date(time)]])

/** Has holders by `short`, and those that a lost file-server had, one a page. */
class FakeRecords implements Pick<HolderRecords, 'walkShort' | 'walkSlots' | 'countChunksOn'> {
  short: Holder[] = []
  pages: Holder[] = []

  async *walkShort(ranges: readonly ShortRange[], batchSize: number): AsyncGenerator<Holder[]> {
    for (const { from, below } of ranges) {
      const found = this.short.filter(({ short = -1 }) => short >= from && short < below)
      for (let at = 0; at < found.length; at += batchSize) yield found.slice(at, at + batchSize)
    }
  }

  async *walkSlots(_server: ServerId, { from }: { readonly from: number }): AsyncGenerator<SlotPage> {
    for (let slot = from; slot < this.pages.length; slot++) {
      const holder = this.pages[slot]
      yield { holders: holder === undefined ? [] : [holder], next: slot + 1 }
    }
    yield { holders: [], next: SLOT_COUNT }
  }

  async countChunksOn(): Promise<{ chunks: number; bytes: number }> {
    return { chunks: 0, bytes: 0 }
  }
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

/** Reads until all was looked at. @returns what there was */
async function readAll(toHeal: HoldersToHeal, lost: ReadonlyMap<ServerId, Date>): Promise<Holder[]> {
  const found: Holder[] = []
  do {
    found.push(...(await toHeal.next(lost, ignored)))
    toHeal.noteSettled(false)
  } while (!toHeal.isPassOver)
  return found
}

test('a sweep reads a page again that was not dealt with, and goes on after one that was', async () => {
  const records = new FakeRecords()
  const [first, second] = [newHolder(), newHolder()]
  records.pages = [first, second]
  const toHeal = new HoldersToHeal(records, 2)
  expect(await toHeal.next(lostAt(1), ignored)).toEqual([first])
  expect(await toHeal.next(lostAt(1), ignored)).toEqual([first])
  toHeal.noteSettled(false)
  expect(await toHeal.next(lostAt(1), ignored)).toEqual([second])
  expect(await toHeal.next(lostAt(1), ignored)).toEqual([second])
})

test('a file-server is swept once, again when it is lost anew, and after an hour', async () => {
  const records = new FakeRecords()
  records.pages = [newHolder()]
  const toHeal = new HoldersToHeal(records, 2)
  expect(await readAll(toHeal, lostAt(1))).toEqual(records.pages)
  expect(await readAll(toHeal, lostAt(1))).toEqual([])
  expect(await readAll(toHeal, lostAt(2))).toEqual(records.pages)
  vi.advanceTimersByTime(3_599_000)
  expect(await readAll(toHeal, lostAt(2))).toEqual([])
  vi.advanceTimersByTime(2_000)
  expect(await readAll(toHeal, lostAt(2))).toEqual(records.pages)
})

test('an endangered holder is found at once, however many others cannot be settled', async () => {
  const records = new FakeRecords()
  records.short = Array.from({ length: 1_000 }, (_, index) => newHolder(index % 2 === 0 ? 0 : 2))
  const toHeal = new HoldersToHeal(records, 2)
  for (let round = 0; round < 3; round++) {
    await toHeal.next(new Map(), ignored)
    toHeal.noteSettled(false)
  }
  const marked = newHolder(1)
  records.short.push(marked)
  vi.advanceTimersByTime(5_000)
  expect(await toHeal.next(new Map(), ignored)).toContain(marked)
  toHeal.noteSettled(false)
  expect(await toHeal.next(new Map(), ignored)).not.toContain(marked)
})

test('after a round that was cut the endangered come again from the first', async () => {
  const records = new FakeRecords()
  records.short = Array.from({ length: 100 }, () => newHolder(1))
  const toHeal = new HoldersToHeal(records, 2)
  const first = await toHeal.next(new Map(), ignored)
  toHeal.noteSettled(true)
  expect(await toHeal.next(new Map(), ignored)).toEqual(first)
  toHeal.noteSettled(false)
  expect(await toHeal.next(new Map(), ignored)).not.toEqual(first)
})
