import { expect, test } from 'vitest'
import { forgetOldest } from '../../src/peers/forget-oldest.ts'

const numbered = (count: number) => new Map(Array.from({ length: count }, (_, number) => [number, null]))

test('a map within its bound keeps everything', () => {
  const map = numbered(100)
  forgetOldest(map, 100)
  expect(map.size).toBe(100)
})

test('of one beyond its bound the first go, a tenth at once', () => {
  const map = numbered(101)
  forgetOldest(map, 100)
  expect([...map.keys()]).toEqual(Array.from({ length: 90 }, (_, number) => number + 11))
})

test('a small bound is kept to the entry', () => {
  const map = numbered(3)
  forgetOldest(map, 2)
  expect([...map.keys()]).toEqual([1, 2])
})
