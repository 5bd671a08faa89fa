import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { beforeEach, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { jsonBody } from '../../src/http/json-body.ts'
import { serve } from './http-fixture.ts'
import { rawExchange } from './raw-exchange.ts'

const changes = z.strictObject({
  name: z
    .string()
    .transform((name) => {
      if (name === '..') throw new StoreError('INVALID_REQUEST', 'own words')
      return name
    })
    .optional(),
  tags: z.array(z.string().max(3)).optional(),
  expiresAt: z.string().nullable().optional(),
})

let url = ''
let port = 0
let parsed: unknown[] = []
let failures: unknown[] = []
let begun = 0

beforeEach(async () => {
  parsed = []
  failures = []
  begun = 0
  const read = jsonBody(changes)
  const readFast = jsonBody(changes, { patienceMs: 50 })
  const served = await serve((router) => {
    router.patch('/changes', async (ctx) => {
      begun++
      try {
        parsed.push(await read(ctx))
      } catch (error) {
        failures.push((error as Error).name)
        throw error
      }
      ctx.body = parsed.at(-1)
    })
    router.put('/judged', async (ctx) => {
      ctx.req.headers['content-type'] = 'application/json'
      await read(ctx, (digest) => {
        throw new StoreError('FORBIDDEN', digest)
      })
    })
    router.post('/fast', async (ctx) => {
      ctx.body = await readFast(ctx)
    })
  })
  url = `${served.url}/changes`
  port = served.port
})

interface Answer {
  readonly status: number
  readonly body: { readonly error?: string; readonly detail?: string }
}

async function patch(body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(url, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  })
  return { status: response.status, body: (await response.json()) as Answer['body'] }
}

test.each<[string, string, Record<string, string>, unknown]>([
  ['JSON', '{"name":"a","expiresAt":null}', {}, { name: 'a', expiresAt: null }],
  ['a charset', '{"name":"ü"}', { 'content-type': 'application/json; charset="UTF-8"' }, { name: 'ü' }],
  ['identity', '{}', { 'content-encoding': 'identity' }, {}],
  ['no bytes', '', {}, {}],
  ['a byte order mark', '\ufeff{}', {}, {}],
  ['white space', ' \r\n{"name" : "\\u00fc"}\n', {}, { name: 'ü' }],
  ['what is as long as it may be', `{"name":"${'x'.repeat(65_525)}"}`, {}, { name: 'x'.repeat(65_525) }],
])('takes %s', async (_, body, headers, expected) => {
  expect(await patch(body, headers)).toEqual({ status: 200, body: expected })
})

test.each([
  ['-d', ['-d', '{"name":"a"}']],
  ['--json', ['--json', '{"name":"a"}']],
  ['a chunked body', ['-H', 'transfer-encoding: chunked', '--json', '{"name":"a"}']],
  ['a body that waits', ['-H', 'expect: 100-continue', '--expect100-timeout', '10', '--json', '{"name":"a"}']],
])('takes what curl sends for %s', async (_, args) => {
  const { stdout } = await promisify(execFile)('curl', ['-sS', '-m', '15', '-X', 'PATCH', ...args, url])
  expect(JSON.parse(stdout)).toEqual({ name: 'a' })
})

const deep = (depth: number) => `${'{"name":'.repeat(depth)}1${'}'.repeat(depth)}`

test.each([
  ['broken JSON', '{"name":', 'the body is not valid JSON'],
  ['two values', '{} {}', 'the body is not valid JSON'],
  ['a comment', '{/**/}', 'the body is not valid JSON'],
  ['no object', '"a"', 'the body is not valid JSON'],
  ['a number', '1', 'the body is not valid JSON'],
  ['a form', 'name=a', 'the body is not valid JSON'],
  ['an array', '[{"name":"a"}]', 'invalid input: expected object, received array'],
  ['a wrong type', '{"name":1}', 'name: invalid input: expected string, received number'],
  ['an operator', '{"name":{"$ne":1}}', 'name: invalid input: expected string, received object'],
  ['a wrong element', '{"tags":["a","long"]}', 'tags.1: too big: expected string to have <=3 characters'],
  ['an unknown field', '{"owner":"me"}', 'unrecognized key: "owner"'],
  ['the name of the constructor', '{"constructor":{"prototype":{"x":1}}}', 'unrecognized key: "constructor"'],
  ['a prototype', '{"__proto__":{"name":"a"}}', 'the body is not valid JSON'],
  ['an escaped prototype', '{"\\u005f_proto__":{"name":"a"}}', 'the body is not valid JSON'],
  ['objects nested 7,000 times', deep(7_000), 'name: invalid input: expected string, received object'],
  [
    'arrays nested 60,000 times',
    `{"tags":${'['.repeat(30_000)}${']'.repeat(30_000)}}`,
    'tags.0: invalid input: expected string, received array',
  ],
  ['arrays that never end', '['.repeat(60_000), 'the body is not valid JSON'],
  ['what the schema itself refuses', '{"name":".."}', 'own words'],
])('refuses %s', async (_, body, detail) => {
  expect(await patch(body)).toEqual({
    status: 400,
    body: expect.objectContaining({ code: 5, error: 'INVALID_REQUEST', detail }),
  })
  expect(({} as Record<string, unknown>).name).toBeUndefined()
})

test('says no more of a long key than a sentence holds', async () => {
  const { body } = await patch(`{"${'x'.repeat(60_000)}":1}`)
  expect(body.detail).toHaveLength(200)
})

test.each([
  ['bytes that are not UTF-8', Buffer.from('{"name":"\xff"}', 'latin1'), {}, 400],
  ['a character that is cut', Buffer.from('{"name":"a"}\xe2\x82', 'latin1'), {}, 400],
  ['UTF-16', Buffer.from('{"name":"a"}', 'utf16le'), {}, 400],
  ['a charset other than UTF-8', '{}', { 'content-type': 'application/json; charset=utf-16' }, 415],
  ['another type', '{}', { 'content-type': 'text/plain' }, 415],
  ['multipart', '{}', { 'content-type': 'multipart/form-data; boundary=x' }, 415],
  ['a compressed body', gzipSync('{}'), { 'content-encoding': 'gzip' }, 415],
  ['an unknown encoding', '{}', { 'content-encoding': 'x' }, 415],
  ['a byte too many', `{"name":"${'x'.repeat(65_526)}"}`, {}, 413],
  ['megabytes', Buffer.alloc(3_000_000, ' '), {}, 413],
])('refuses %s', async (_, body, headers, status) => {
  expect((await patch(typeof body === 'string' ? body : new Uint8Array(body), headers)).status).toBe(status)
  expect(parsed).toEqual([])
})

test('refuses a body of unknown length while it comes', async () => {
  const { stdout } = await promisify(execFile)(
    'bash',
    ['-c', `head -c 1000000 /dev/zero | curl -sS -m 15 -X PATCH -H content-type:application/json -T - ${url}`],
    {},
  )
  expect(JSON.parse(stdout)).toMatchObject({ error: 'TOO_LARGE', code: 6 })
})

test('refuses a request without a body, and takes a body without a type for JSON', async () => {
  const head =
    'PATCH /changes HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/json\r\n\r\n'
  expect(await rawExchange(port, head)).toContain('"the body is missing"')
  const body = 'Content-Length: 12\r\n\r\n{"name":"a"}'
  const untyped = head.replace(/Content-Type.*/s, body)
  expect(await rawExchange(port, untyped)).toContain('{"name":"a"}')
})

test.each(['{"name":"a"}', '{"name":', '', '{"other":1}'])(
  'tells the digest of %j before it says what is wrong with it',
  async (body) => {
    const response = await fetch(url.replace('changes', 'judged'), { method: 'PUT', body })
    expect(await response.json()).toMatchObject({ error: 'FORBIDDEN', detail: sha256Of(body) })
  },
)

function sha256Of(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function half(path: string, method: string) {
  const client = connect(port, '127.0.0.1')
  client.on('error', () => client.destroy())
  client.write(
    `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{"na`,
  )
  return client
}

test('a client that stops within the body is not waited for, and one that hangs up is forgotten', async () => {
  expect(await text(half('/fast', 'POST'))).toContain('"REQUEST_TIMEOUT"')
  const client = half('/changes', 'PATCH')
  await vi.waitFor(() => expect(begun).toBe(1))
  client.destroy()
  await vi.waitFor(() => expect(failures).toEqual(['CANCELLED']))
})
