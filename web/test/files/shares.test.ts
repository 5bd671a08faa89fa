import { afterEach, expect, test, vi } from 'vitest'
import { createShares, parseShare } from '../../src/files/shares.ts'

const id = '0123456789abcdef0123456789abcdef'
const share = { id, name: 'a', size: 1, contentType: 'text/plain', uploadedAt: '2026-01-01T00:00:00Z', expiresAt: null }

afterEach(() => void vi.unstubAllGlobals())

/** Has its keys in the order in which they were added, as browsers do. */
function storageOf(entries: readonly [key: string, text: string][]): Storage {
  const texts = new Map(entries)
  return {
    get length() {
      return texts.size
    },
    clear: () => texts.clear(),
    key: (index) => [...texts.keys()][index] ?? null,
    getItem: (key) => texts.get(key) ?? null,
    setItem: (key, text) => void texts.set(key, text),
    removeItem: (key) => void texts.delete(key),
  }
}

test('shares that are over, and what is none, take no room for ever', () => {
  vi.stubGlobal('addEventListener', () => undefined)
  const over = JSON.stringify({ ...share, expiresAt: '2026-01-02T00:00:00Z' })
  const kept = { ...share, expiresAt: '9999-01-01T00:00:00Z' }
  const storage = storageOf([
    ['holdfast.share.1', over],
    ['holdfast.share.2', '{'],
    [`holdfast.share.${id}`, JSON.stringify(kept)],
    ['another.page', '{'],
  ])
  expect(createShares(storage).rows.value).toMatchObject([kept])
  expect([storage.key(0), storage.key(1), storage.length]).toEqual([`holdfast.share.${id}`, 'another.page', 2])
})

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
