import { expect, test } from 'vitest'
import { RecentMap } from '../src/recent-map.ts'

test('remembers the newest entries, and forgets those far behind', () => {
  const map = new RecentMap<number, string>(10)
  for (let key = 0; key < 95; key++) {
    map.set(key, `value ${key}`)
    for (let known = Math.max(0, key - 9); known <= key; known++) expect(map.get(known)).toBe(`value ${known}`)
    if (key >= 20) expect(map.get(key - 20)).toBeUndefined()
  }
})

test('the newest value of a key counts, and makes it new again', () => {
  const map = new RecentMap<string, number>(3)
  map.set('a', 1)
  map.set('b', 1)
  map.set('c', 1)
  map.set('a', 2)
  expect(map.get('a')).toBe(2)
  for (const key of ['d', 'e']) map.set(key, 1)
  expect([map.get('a'), map.get('b')]).toEqual([2, undefined])
})
