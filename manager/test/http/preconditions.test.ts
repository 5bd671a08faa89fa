import type { IncomingHttpHeaders } from 'node:http'
import { expect, test } from 'vitest'
import { judgePreconditions, objectionOf, validatorsOf } from '../../src/http/preconditions.ts'
import { newRecord } from '../mongo/mongo-fixture.ts'

const lastModified = Date.UTC(2026, 10, 28, 12, 0, 0)
const current = { etag: '"now"', lastModified }
const before = new Date(lastModified - 1000).toUTCString()
const same = new Date(lastModified).toUTCString()
const after = new Date(lastModified + 1000).toUTCString()

// Each row says what a read comes to, and what a change comes to.
test.each([
  ['nothing', {}, 'met', 'met'],
  ['If-Match with the tag', { 'if-match': '"now"' }, 'met', 'met'],
  ['If-Match with another tag', { 'if-match': '"nope"' }, 'failed', 'failed'],
  ['If-Match with the tag made weak', { 'if-match': 'W/"now"' }, 'failed', 'failed'],
  ['If-Match with a list that has it', { 'if-match': '"a", W/"b",,\t"now" ,' }, 'met', 'met'],
  ['If-Match with a list that has not', { 'if-match': '"a", "b"' }, 'failed', 'failed'],
  ['If-Match with a comma within a tag', { 'if-match': '"a,"now""' }, 'failed', 'failed'],
  ['If-Match with the tag within a tag', { 'if-match': '"a, now"' }, 'failed', 'failed'],
  ['If-Match with *', { 'if-match': ' * ' }, 'met', 'met'],
  ['If-Match with the tag without quotes', { 'if-match': 'now' }, 'failed', 'failed'],
  ['If-Match with the tag and half a tag', { 'if-match': '"now", "x' }, 'failed', 'failed'],
  ['an empty If-Match', { 'if-match': '' }, 'failed', 'failed'],
  ['If-None-Match with the tag', { 'if-none-match': '"now"' }, 'not-modified', 'failed'],
  ['If-None-Match with the tag made weak', { 'if-none-match': 'W/"now"' }, 'not-modified', 'failed'],
  ['If-None-Match with another tag', { 'if-none-match': '"nope"' }, 'met', 'met'],
  ['If-None-Match with a small w', { 'if-none-match': 'w/"now"' }, 'met', 'failed'],
  ['If-None-Match with a list that has it', { 'if-none-match': '"a","b,c", W/"now"' }, 'not-modified', 'failed'],
  ['If-None-Match with *', { 'if-none-match': '*' }, 'not-modified', 'failed'],
  ['If-None-Match with * in a list', { 'if-none-match': '*, "a"' }, 'met', 'failed'],
  ['If-None-Match that cannot be read', { 'if-none-match': 'nope' }, 'met', 'failed'],
  ['If-Unmodified-Since before', { 'if-unmodified-since': before }, 'failed', 'failed'],
  ['If-Unmodified-Since the same', { 'if-unmodified-since': same }, 'met', 'met'],
  ['If-Unmodified-Since after', { 'if-unmodified-since': after }, 'met', 'met'],
  ['If-Unmodified-Since that is no date', { 'if-unmodified-since': '1994-11-06' }, 'met', 'met'],
  ['If-Modified-Since before', { 'if-modified-since': before }, 'met', 'met'],
  ['If-Modified-Since the same', { 'if-modified-since': same }, 'not-modified', 'met'],
  ['If-Modified-Since after', { 'if-modified-since': after }, 'not-modified', 'met'],
  ['If-Modified-Since that is no date', { 'if-modified-since': String(lastModified) }, 'met', 'met'],
  // Section 13.2.2 gives the order: a tag outweighs the date beside it, and If-Match is first.
  ['If-Match over its date', { 'if-match': '"now"', 'if-unmodified-since': before }, 'met', 'met'],
  ['If-None-Match over its date', { 'if-none-match': '"nope"', 'if-modified-since': after }, 'met', 'met'],
  ['If-Match first', { 'if-match': '"nope"', 'if-none-match': '"now"' }, 'failed', 'failed'],
  ['both tags', { 'if-match': '"now"', 'if-none-match': '"now"' }, 'not-modified', 'failed'],
  ['a date first', { 'if-unmodified-since': before, 'if-none-match': '"now"' }, 'failed', 'failed'],
  ['both dates', { 'if-unmodified-since': same, 'if-modified-since': same }, 'not-modified', 'met'],
])('%s: a read is %3$s, a change %4$s', (_, headers, read, change) => {
  expect(judgePreconditions(headers, current, 'read').kind).toBe(read)
  expect(judgePreconditions(headers, current, 'change').kind).toBe(change)
})

test.each([
  [{ 'if-match': '*' }, 'failed'],
  [{ 'if-match': '"now"' }, 'failed'],
  [{ 'if-none-match': '*' }, 'met'],
  [{ 'if-none-match': '"now"' }, 'met'],
  [{ 'if-unmodified-since': before }, 'met'],
])('where the name is free %j is %s', (headers, expected) => {
  expect(judgePreconditions(headers, null, 'change').kind).toBe(expected)
})

test('a tag of any bytes and commas is one tag', () => {
  const etag = '"a,b;\xff\'\\W/"'
  expect(judgePreconditions({ 'if-match': `"x", ${etag}` }, { etag, lastModified }, 'change').kind).toBe('met')
})

test('a list as long as headers may be is judged at once', () => {
  const before = process.cpuUsage()
  for (const list of [', '.repeat(8_000), '"a" '.repeat(4_000), '"'.repeat(16_001), `${' '.repeat(16_000)}"`])
    expect(judgePreconditions({ 'if-match': list }, current, 'change').kind).toBe('failed')
  expect(process.cpuUsage(before).user).toBeLessThan(1_000_000)
})

test('a version is known by its sha-256 and the second of its creation', () => {
  const createdAt = new Date(lastModified + 999)
  const record = newRecord('a', { createdAt })
  expect(validatorsOf(record)).toEqual({ etag: `"${record.sha256}"`, lastModified })
  expect(objectionOf({ 'if-unmodified-since': same })(record)).toBeNull()
})

test('an objection says which header it is, and how it is written', () => {
  const record = newRecord('a')
  const detailOf = (headers: IncomingHttpHeaders): unknown => objectionOf(headers)(record)?.detail
  expect(detailOf({ 'if-match': '"nope"' })).toBe('If-Match does not name the ETag of what is there')
  expect(detailOf({ 'if-match': record.sha256 })).toBe('If-Match must be * or ETags in quotes')
  expect(detailOf({ 'if-none-match': '*' })).toBe('If-None-Match names what is there')
  expect(detailOf({ 'if-unmodified-since': before })).toBe('what is there is newer than If-Unmodified-Since')
})
