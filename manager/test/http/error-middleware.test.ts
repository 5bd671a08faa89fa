import { type ErrorName, errorRow, errorTable } from '@holdfast/shared/errors/error-table'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { beforeEach, expect, test } from 'vitest'
import { serve } from './http-fixture.ts'

const names = Object.keys(errorTable) as ErrorName[]
let url = ''

beforeEach(async () => {
  const served = await serve((router) => {
    router.get('/throws/:name', (ctx) => {
      ctx.set({ ETag: '"x"', 'Content-Type': 'image/png', 'Content-Range': 'bytes */5' })
      throw new StoreError(ctx.params.name as ErrorName, 'secret words', { cause: new Error('inner words') })
    })
    router.get('/throws-anything', () => {
      throw new TypeError('at /srv/holdfast/secret.ts:12')
    })
    router.get('/throws-nothing', () => Promise.reject(undefined))
    router.get('/breaks-off', (ctx) => {
      ctx.respond = false
      ctx.res.writeHead(200, { 'Content-Length': '100' })
      ctx.res.write('half')
      throw new StoreError('FILE_UNAVAILABLE')
    })
    router.post('/refuses', () => {
      throw new StoreError('FILE_EXISTS')
    })
  })
  url = served.url
})

const bodyOf = async (response: Response) => (await response.json()) as Record<string, unknown>

test.each([
  [1, 'SERVERS_UNAVAILABLE', 503, 'Servers unavailable'],
  [2, 'FILE_NOT_FOUND', 404, 'File does not exist'],
  [3, 'FILE_EXISTS', 409, 'File name already exists'],
  [4, 'FILE_UNAVAILABLE', 503, 'File unavailable'],
])('code %i keeps its message', async (code, error, status, message) => {
  const response = await fetch(`${url}/throws/${error}`)
  expect(response.status).toBe(status)
  expect(await bodyOf(response)).toMatchObject({ code, error, message })
})

test.each(names)('%s is answered by its row of the table', async (name) => {
  const row = errorRow(name)
  const shown = row.shownAs === undefined ? name : (row.shownAs as ErrorName)
  const { code, status, message, isRetryable } = errorRow(shown)
  const response = await fetch(`${url}/throws/${name}`, { headers: { 'X-Request-Id': 'mine' } })
  expect([response.status, response.headers.get('x-request-id')]).toEqual([status, 'mine'])
  expect(await bodyOf(response)).toEqual({
    code,
    error: shown,
    message,
    requestId: 'mine',
    ...(status < 500 || name === 'NOT_HASHED_YET' ? { detail: 'secret words' } : {}),
  })
  const isLater = isRetryable && status === 503
  expect(response.headers.get('retry-after')).toBe(isLater ? '2' : null)
})

test('rows from inside the cluster never show over HTTP, and codes and names are unique', () => {
  for (const name of names) {
    const { code, shownAs } = errorRow(name)
    expect(code >= 100, name).toBe(shownAs !== undefined)
    if (shownAs !== undefined) expect(errorRow(shownAs as ErrorName).code).toBeLessThan(100)
  }
  expect(new Set(names.map((name) => errorRow(name).code)).size).toBe(names.length)
})

test.each(['throws-anything', 'throws-nothing'])('%s is code 15 without a word of the cause', async (path) => {
  const response = await fetch(`${url}/${path}`)
  expect(response.status).toBe(500)
  const body = await bodyOf(response)
  expect(Object.keys(body).sort()).toEqual(['code', 'error', 'message', 'requestId'])
  expect(body).toMatchObject({ code: 15, error: 'INTERNAL' })
})

test('headers of the answer that was not given are gone, those of the error stay', async () => {
  const response = await fetch(`${url}/throws/RANGE_NOT_SATISFIABLE`)
  expect([response.status, response.headers.get('content-range')]).toEqual([416, 'bytes */5'])
  expect(response.headers.get('etag')).toBeNull()
  expect(response.headers.get('content-type')).toContain('application/json')
})

test('an answer that has begun ends uncleanly, so that no client takes it for whole', async () => {
  const response = await fetch(`${url}/breaks-off`)
  await expect(response.arrayBuffer()).rejects.toThrow()
})

test('no such route is code 19, no such method is code 20 and names those that are', async () => {
  const stray = await fetch(`${url}/nowhere`)
  expect([stray.status, await bodyOf(stray)]).toMatchObject([404, { code: 19, error: 'ROUTE_NOT_FOUND' }])
  const wrong = await fetch(`${url}/refuses`, { method: 'PUT' })
  expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'POST'])
  expect(await bodyOf(wrong)).toMatchObject({ code: 20, error: 'METHOD_NOT_ALLOWED' })
})

test.each(['short', 'a'.repeat(64), 'A.b_c-9'])('a request id of %j is kept', async (id) => {
  const response = await fetch(`${url}/nowhere`, { headers: { 'X-Request-Id': id } })
  expect(response.headers.get('x-request-id')).toBe(id)
})

test.each(['', 'a'.repeat(65), 'with space', '<script>', 'a"b'])('a request id of %j is replaced', async (id) => {
  const response = await fetch(`${url}/nowhere`, { headers: { 'X-Request-Id': id } })
  expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f]{16}$/)
})
