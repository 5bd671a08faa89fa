import { expect, test } from 'vitest'
import { parseShare } from '../../src/files/shares.ts'

const id = '0123456789abcdef0123456789abcdef'
const share = { id, name: 'a', size: 1, contentType: 'text/plain', uploadedAt: '2026-01-01T00:00:00Z', expiresAt: null }

test('a share that is kept comes back, with the address that belongs to its id', () => {
  const text = JSON.stringify({ ...share, url: 'javascript:alert(1)' })
  expect(parseShare(text)).toEqual({ ...share, url: `/download/${id}`, isShare: true })
})

test.each([
  ['nothing', null],
  ['no JSON', '{'],
  ['no object', 'null'],
  ['another id', JSON.stringify({ ...share, id: '../../x' })],
  ['no name', JSON.stringify({ ...share, name: { toString: 1 } })],
  ['no size', JSON.stringify({ ...share, size: '1' })],
  ['no date', JSON.stringify({ ...share, uploadedAt: 'x' })],
])('%s is left out', (_what, text) => {
  expect(parseShare(text)).toBeNull()
})
