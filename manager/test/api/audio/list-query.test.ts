import { expect, test } from 'vitest'
import { filterOf, listQuery } from '../../../src/api/audio/list-query.ts'
import { parseQuery } from '../../../src/http/parse-query.ts'

const uploaded = (query: string) => {
  const { since, until } = filterOf(parseQuery(listQuery, `/list?${query}`)).uploaded ?? {}
  return [since?.toISOString() ?? null, until?.toISOString() ?? null]
}

test.each([
  ['since=2026-11-29', ['2026-11-29T00:00:00.000Z', null]],
  ['until=2026-11-29', [null, '2026-11-29T23:59:59.999Z']],
  ['since=2026-11-29&until=2026-11-29', ['2026-11-29T00:00:00.000Z', '2026-11-29T23:59:59.999Z']],
  ['until=2026-11-29T05:30:00Z', [null, '2026-11-29T05:30:00.000Z']],
  ['until=2026-11-29T05:30:00%2B02:00', [null, '2026-11-29T03:30:00.000Z']],
])('%s has the day in it to its end', (query, expected) => {
  expect(uploaded(query)).toEqual(expected)
})

test.each(['codec', 'container', 'artist', 'album', 'genre', 'q'])(
  '%s with a control character is refused',
  (field) => {
    for (const character of ['%00', '%1f', '%7f', '%C2%85']) {
      const parse = () => parseQuery(listQuery, `/list?${field}=a${character}b`)
      const detail = `${field}: must have no control characters`
      expect(parse).toThrow(expect.objectContaining({ name: 'INVALID_REQUEST', detail }))
    }
    expect(() => parseQuery(listQuery, `/list?${field}=a%20b`)).not.toThrow()
  },
)
