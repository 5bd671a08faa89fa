import { expect, it } from 'vitest'
import { Catalogue } from '../../src/tracks/catalogue.ts'

const catalogue = new Catalogue(10_000)

it('a recording is the same whenever it is asked for, and another for another number', () => {
  expect(new Catalogue(10_000).recording(17)).toEqual(catalogue.recording(17))
  const checksums = Array.from({ length: 1_000 }, (_, number) => catalogue.recording(number).checksum)
  expect(new Set(checksums).size).toBe(1_000)
  expect(checksums.every((checksum) => /^[0-9a-f]{40}$/.test(checksum))).toBe(true)
})

it('a user has no recording twice, and some recordings are at many users', () => {
  const counts = new Map<number, number>()
  for (let user = 0; user < 100; user++) {
    const numbers = catalogue.recordingsOf(user, 100)
    expect(new Set(numbers).size).toBe(100)
    for (const number of numbers) counts.set(number, (counts.get(number) ?? 0) + 1)
  }
  expect(Math.max(...counts.values())).toBeGreaterThan(20)
  expect(counts.size).toBeGreaterThan(2_000)
  expect(Math.max(...counts.keys())).toBeLessThan(catalogue.recordingCount)
})

it('about one song in seven has the commonest word, as among real ones', () => {
  const songs = Array.from({ length: 2_000 }, (_, number) => catalogue.recording(number).song.toLowerCase().split(' '))
  const share = songs.filter((words) => words.includes('the')).length / songs.length
  expect(share).toBeGreaterThan(0.1)
  expect(share).toBeLessThan(0.3)
})
