import { expect, test } from 'vitest'
import { asCsv } from '../../../src/api/audio/playlist.ts'
import type { TrackDescription } from '../../../src/api/audio/track-description.ts'

test.each([
  ['=HYPERLINK("http://evil")', `"'=HYPERLINK(""http://evil"")"`],
  ['+1', "'+1"],
  ['-1', "'-1"],
  ['@SUM', "'@SUM"],
  ['1 = 1', '1 = 1'],
])('no spreadsheet takes the text %s for a formula', (title, cell) => {
  const [header = '', row = ''] = asCsv([{ name: 'x', tags: { title }, duration: -1 } as TrackDescription]).split(
    '\r\n',
  )
  expect(row).toMatch(/^x,/)
  expect(row.slice(2)).toMatch(new RegExp(`^${cell.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')},`))
  expect(row.split(',').at(header.split(',').indexOf('duration'))).toBe('-1')
})
