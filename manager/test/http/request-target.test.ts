import { expect, test } from 'vitest'
import { originFormOf } from '../../src/http/request-target.ts'
import { serve } from './http-fixture.ts'
import { rawExchange } from './raw-exchange.ts'

test.each([
  ['/file/a?b=c', '/file/a?b=c'],
  ['//file/a', '//file/a'],
  ['http://host:8000/file/a', '/file/a'],
  ['HTTPS://user@host/file/a%2Fb?c', '/file/a%2Fb?c'],
  ['http://[::1/file/a', '/file/a'],
  ['http://%@host/file/a', '/file/a'],
  ['http://host', '/'],
  ['http://host?query', '/?query'],
  ['*', '*'],
])('the target %s asks for %s', (target, expected) => {
  expect(originFormOf(target)).toBe(expected)
})

test.each(['file/a', 'http:', 'http:/file/a', 'foo://host/file/a', 'host:80', '/file/a#b', 'http://host#b', '//%@h/#'])(
  'the target %s is refused',
  (target) => {
    expect(() => originFormOf(target)).toThrow(expect.objectContaining({ name: 'INVALID_REQUEST' }))
  },
)

test.each([
  ['http://[::1/a', 200],
  ['http://%@h/a', 200],
  ['//%@h/a#', 400],
  ['foo://h/a', 400],
  ['*', 404],
])('over HTTP the target %s, on which URL parsers disagree, is answered with %i', async (target, status) => {
  const { port } = await serve((router) =>
    router.get('/a', (ctx) => {
      ctx.body = 'a'
    }),
  )
  const answer = await rawExchange(port, `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`)
  expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
})

test('HTTP/1.1 without a host is told so, HTTP/1.0 needs none', async () => {
  const { port } = await serve((router) =>
    router.get('/a', (ctx) => {
      ctx.body = 'found'
    }),
  )
  const refused = await rawExchange(port, 'GET /a HTTP/1.1\r\nConnection: close\r\n\r\n')
  expect(refused).toMatch(/^HTTP\/1\.1 400 .*"detail":"HTTP\/1\.1 needs a Host header"/s)
  expect(await rawExchange(port, 'GET /a HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 .*found$/s)
})
