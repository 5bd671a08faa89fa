import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { comparatorOf, type FileRow, type ListQuery } from '../../src/files/file-row.ts'
import { mergeRows } from '../../src/files/merge-rows.ts'

const byName: ListQuery = { search: '', sort: 'name', isDescending: false }
const row = (name: string, isShare: boolean, size = 1): FileRow => ({
  id: `${isShare ? 's' : 'f'}-${name}`,
  name,
  size,
  contentType: 'text/plain',
  url: '/x',
  uploadedAt: '2026-01-01T00:00:00.000Z',
  expiresAt: null,
  isShare,
})
const files = (names: string) => [...names].map((name) => row(name, false))
const shares = (names: string) => [...names].map((name) => row(name, true))
const namesOf = (rows: readonly FileRow[]) => rows.map(({ name }) => name).join('')

describe('the list', () => {
  test('has shares where they belong among files', () => {
    expect(namesOf(mergeRows(files('bdf'), shares('gac'), byName, true, new Set()))).toBe('abcdfg')
  })

  test('leaves out a share that has expired while the page was open', () => {
    const [over, lasting] = [-1_000, 60_000].map((ms) => new Date(Date.now() + ms).toISOString())
    const kept = [
      { ...row('a', true), expiresAt: over ?? '' },
      { ...row('c', true), expiresAt: lasting ?? '' },
    ]
    expect(namesOf(mergeRows(files('b'), kept, byName, true, new Set()))).toBe('bc')
  })

  test('keeps shares back that come after what was read so far', () => {
    expect(namesOf(mergeRows(files('bd'), shares('acz'), byName, false, new Set()))).toBe('abcd')
    expect(namesOf(mergeRows(files('bd'), shares('acz'), byName, true, new Set()))).toBe('abcdz')
  })

  test('has only shares that the search finds, and nothing that is hidden', () => {
    const found = mergeRows(files('b'), shares('aB'), { ...byName, search: 'b' }, true, new Set())
    expect(namesOf(found)).toBe('Bb')
    expect(namesOf(mergeRows(files('ab'), shares('c'), byName, true, new Set(['f-a', 's-c'])))).toBe('b')
  })

  test('is in order, and has everything once, whatever is in it', () => {
    const some = fc.array(fc.record({ name: fc.string(), size: fc.nat(3) }), { maxLength: 20 })
    fc.assert(
      fc.property(some, some, fc.constantFrom('name', 'size', 'date'), fc.boolean(), (a, b, sort, isDescending) => {
        const query: ListQuery = { search: '', sort, isDescending }
        const compare = comparatorOf(query)
        const ofServer = a
          .map(({ name, size }, index) => ({ ...row(name, false, size), id: `f${index}` }))
          .sort(compare)
        const own = b.map(({ name, size }, index) => ({ ...row(name, true, size), id: `s${index}` }))
        const merged = mergeRows(ofServer, own, query, true, new Set())
        expect(merged).toEqual([...ofServer, ...own].sort(compare))
      }),
    )
  })
})
