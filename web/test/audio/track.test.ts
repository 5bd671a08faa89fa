import { expect, test } from 'vitest'
import type { Track } from '../../src/api/answers.ts'
import { clockText, creditsOf, titleOf } from '../../src/audio/track.ts'

test.each([
  [0, '0:00'],
  [59.9, '0:59'],
  [185, '3:05'],
  [3_723, '1:02:03'],
])('%s s are %s', (seconds, text) => {
  expect(clockText(seconds)).toBe(text)
})

test('a track without tags has the last part of its name, and no credits', () => {
  const bare = { name: 'way/to/a.mp3', tags: {} } as Track
  expect([titleOf(bare), creditsOf(bare)]).toEqual(['a.mp3', ''])
  const tagged = { ...bare, tags: { title: 'A', artist: 'B', album: 'C' } }
  expect([titleOf(tagged), creditsOf(tagged)]).toEqual(['A', 'B · C'])
})
