import { StoreError } from '@holdfast/shared/errors/store-error'
import { afterEach, expect, test, vi } from 'vitest'
import { ASK_DEADLINE_MS } from '../../src/mongo/database.ts'
import { GroupedWork, resultOf } from '../../src/mongo/grouped-work.ts'

afterEach(() => {
  vi.useRealTimers()
})

/** Makes work whose groups end when the test says so. */
function heldWork() {
  const groups: { items: readonly number[]; finish: (results: number[]) => void; fail: (error: Error) => void }[] = []
  const work = new GroupedWork<number, number>(
    (items) => new Promise((finish, fail) => groups.push({ items, finish, fail })),
  )
  return { groups, work }
}
const turn = () => new Promise((resolve) => setImmediate(resolve))

test('what comes in one turn goes together, at most two groups of at most 128 at once', async () => {
  const { groups, work } = heldWork()
  const outcomes = Array.from({ length: 300 }, (_, index) => work.add(index))
  await turn()
  expect(groups.map(({ items }) => items.length)).toEqual([128, 128])
  groups[0]?.finish([...(groups[0]?.items ?? [])])
  expect(await outcomes[127]).toEqual({ kind: 'done', result: 127 })
  await turn()
  expect(groups.map(({ items }) => items.length)).toEqual([128, 128, 44])
  for (const { items, finish } of groups) finish([...items])
  expect(await Promise.all(outcomes)).toEqual(outcomes.map((_, index) => ({ kind: 'done', result: index })))
})

test('items that are large go in smaller groups, one that is larger than a group alone', async () => {
  const groups: (readonly number[])[] = []
  const work = new GroupedWork<number, number>(
    (items) => {
      groups.push(items)
      return Promise.resolve(items)
    },
    (mebibytes) => mebibytes * 1024 * 1024,
  )
  const items = [1, 2, 1, 1, 9, 3, 2, 2]
  expect(await Promise.all(items.map((item) => work.add(item)))).toEqual(
    items.map((result) => ({ kind: 'done', result })),
  )
  expect(groups).toEqual([[1, 2, 1], [1], [9], [3], [2, 2]])
})

test('an item is never part of a group that began before it came', async () => {
  const { groups, work } = heldWork()
  void work.add(1)
  await turn()
  void work.add(2)
  await turn()
  expect(groups.map(({ items }) => items)).toEqual([[1], [2]])
})

test('a group that fails is unknown to each of its callers, and the next one is carried out', async () => {
  const { groups, work } = heldWork()
  const failing = [work.add(1), work.add(2)]
  await turn()
  const cause = new Error('connection closed')
  groups[0]?.fail(cause)
  expect(await Promise.all(failing)).toEqual([
    { kind: 'unknown', cause },
    { kind: 'unknown', cause },
  ])
  const next = work.add(3)
  await turn()
  groups[1]?.finish([30])
  expect(resultOf(await next)).toBe(30)
})

test('at its deadline an item that still waits is unsent for good, one in flight is unknown', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const { groups, work } = heldWork()
  const first = work.add(1)
  await turn()
  const second = work.add(2)
  await turn()
  const third = work.add(3)
  await turn()
  vi.advanceTimersByTime(ASK_DEADLINE_MS)
  expect(await Promise.all([first, second, third])).toEqual([
    { kind: 'unknown', cause: undefined },
    { kind: 'unknown', cause: undefined },
    { kind: 'unsent' },
  ])
  for (const { items, finish } of groups) finish([...items])
  await turn()
  expect(groups).toHaveLength(2)
})

test('groups whose outcome never comes give their turns back, and one that comes after that changes nothing', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const { groups, work } = heldWork()
  const lost = [work.add(1)]
  await turn()
  lost.push(work.add(2))
  await turn()
  vi.advanceTimersByTime(3 * ASK_DEADLINE_MS - 1)
  expect((await Promise.all(lost)).map(({ kind }) => kind)).toEqual(['unknown', 'unknown'])
  const later = Array.from({ length: 4 }, (_, index) => work.add(10 + index))
  await turn()
  expect(groups.map(({ items }) => items)).toEqual([[1], [2]])
  vi.advanceTimersByTime(1)
  await turn()
  expect(groups.map(({ items }) => items)).toEqual([[1], [2], [10, 11, 12, 13]])
  for (const { items, finish } of groups) finish([...items])
  expect(await Promise.all(later)).toEqual([10, 11, 12, 13].map((result) => ({ kind: 'done', result })))
  // No turn was given back twice, so two groups run at once, not four.
  for (const item of [20, 21, 22, 23]) {
    void work.add(item)
    await turn()
  }
  expect(groups.map(({ items }) => items).slice(3)).toEqual([[20], [21]])
})

test('what its caller is told of each outcome', () => {
  expect(resultOf({ kind: 'done', result: null })).toBeNull()
  expect(() => resultOf({ kind: 'unsent' })).toThrow(expect.objectContaining({ name: 'DATABASE_UNAVAILABLE' }))
  expect(() => resultOf({ kind: 'unknown', cause: new Error('x') })).toThrow(
    expect.objectContaining({ name: 'DATABASE_UNAVAILABLE' }),
  )
  const known = new StoreError('FILE_NOT_FOUND')
  expect(() => resultOf({ kind: 'unknown', cause: known })).toThrow(known)
})
