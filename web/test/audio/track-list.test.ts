import { expect, test } from 'vitest'
import { parametersOf, type TrackQuery } from '../../src/audio/track-list.ts'

const query: TrackQuery = { search: '', sort: 'title', isDescending: false, minMinutes: null, maxMinutes: null }

test('asks for what is filtered by, in seconds, and for nothing else', () => {
  expect(String(parametersOf(query, null))).toBe('sort=title&limit=100')
  const narrow: TrackQuery = { search: 'a & b', sort: 'duration', isDescending: true, minMinutes: 0.5, maxMinutes: 0 }
  expect(String(parametersOf(narrow, 'x'))).toBe(
    'sort=-duration&limit=1000&q=a+%26+b&minduration=30&maxduration=0&cursor=x',
  )
})
