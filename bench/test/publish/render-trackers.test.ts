import { expect, it } from 'vitest'
import { renderAnnounces, renderSearches } from '../../src/publish/render-trackers.ts'
import { exampleResult } from './example-result.ts'

const rowsOf = (table: string) =>
  table
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .slice(2)
    .map((line) => line.replace(/ +/g, ' '))

it('shows announces by the clock and by the processor time of the tracker alone', () => {
  expect(rowsOf(renderAnnounces(exampleResult.announces))).toEqual([
    '| UDP | known | 64 | holdfast | 10,000 | 50,000 | | 1.50 | 12 | 0 | 5 us | 100 MiB |',
    '| UDP | known | 64 | bittorrent-tracker | 7,500 | 33,333 | 1.50 x | 1.50 | 12 | 0 | | 100 MiB |',
  ])
})

it('shows how long searches took, and among how many tracks', () => {
  const text = renderSearches(exampleResult.searches)
  expect(text).toContain('1,000,000 tracks of 4,000 users, 4 clients at once; stored in 100 s.')
  expect(rowsOf(text)).toEqual(['| a song | `song=One` | 1,000 | 2.3 | 1.23 | 23 | 46 |'])
})

it('shows nothing where nothing was measured', () => {
  expect([renderAnnounces([]), renderSearches([])]).toEqual(['', ''])
})
