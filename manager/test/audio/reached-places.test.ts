import { expect, test, vi } from 'vitest'
import { ReachedPlaces } from '../../src/audio/reached-places.ts'

const byName = { by: 'name', isDescending: false } as const
const place = { value: 'b', id: '5f'.repeat(12) }
const reached = (count: number, countedAt = performance.now()) => ({ count, place, countedAt })

test('where a page ended is forgotten after half a minute, and for a thousand others', () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  try {
    const places = new ReachedPlaces()
    places.remember({}, byName, reached(2))
    vi.advanceTimersByTime(29_000)
    expect(places.find({}, byName, 2).place).toEqual(place)
    vi.advanceTimersByTime(2_000)
    expect(places.find({}, byName, 2)).toMatchObject({ count: 0, place: null })
    for (let count = 1; count <= 1_001; count++) places.remember({ genre: 'pop' }, byName, reached(count))
    expect(places.find({ genre: 'pop' }, byName, 1).count).toBe(0)
    expect(places.find({ genre: 'pop' }, byName, 2).count).toBe(2)
  } finally {
    vi.useRealTimers()
  }
})

test('page after page goes on for ever, and a jump only from what was counted in the last half minute', () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  try {
    const places = new ReachedPlaces()
    const begun = performance.now()
    for (const count of [2, 4, 6]) {
      places.remember({}, byName, reached(count, begun))
      vi.advanceTimersByTime(14_000)
    }
    expect(places.find({}, byName, 6)).toEqual(reached(6, begun))
    expect(places.find({}, byName, 7)).toMatchObject({ count: 0, place: null })
    places.remember({}, byName, reached(3))
    expect(places.find({}, byName, 7).count).toBe(3)
    expect(places.find({}, byName, 2).count).toBe(0)
    expect(places.find({ genre: 'pop' }, byName, 7).count).toBe(0)
    expect(places.find({}, { by: 'name', isDescending: true }, 7).count).toBe(0)
  } finally {
    vi.useRealTimers()
  }
})

test('where a page ended is kept in little memory, however long the text is that was asked for', () => {
  const set = vi.spyOn(Map.prototype, 'set')
  try {
    const places = new ReachedPlaces()
    const texts = ['a', 'b'].map((end) => 'x'.repeat(500_000) + end)
    for (const text of texts) places.remember({ text }, byName, reached(2))
    const kept = set.mock.calls.map((entry) => JSON.stringify(entry))
    expect(kept).toHaveLength(2)
    expect(Math.max(...kept.map(({ length }) => length))).toBeLessThanOrEqual(500)
    expect(places.find({ text: texts[0] }, byName, 2).place).toEqual(place)
    expect(places.find({ text: 'x'.repeat(500_000) }, byName, 2).place).toBeNull()
  } finally {
    set.mockRestore()
  }
})
