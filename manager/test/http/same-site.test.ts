import { request } from 'node:http'
import { hostNames } from '@holdfast/shared/settings/parsers'
import { describe, expect, test } from 'vitest'
import { serve } from './http-fixture.ts'
import { rawExchange } from './raw-exchange.ts'

function ask(port: number, method: string, headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path: '/thing', method, headers, agent: false }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
      .on('error', reject)
      .end()
  })
}

const start = (options: { host?: string; publicUrl?: string; publicHosts?: readonly string[] } = {}) =>
  serve((router) => {
    router.all('/thing', (ctx) => {
      ctx.body = 'done'
    })
  }, options)

test.each<[string, Record<string, string>, number]>([
  ['POST', {}, 200],
  ['POST', { 'Sec-Fetch-Site': 'same-origin' }, 200],
  ['POST', { 'Sec-Fetch-Site': 'none' }, 200],
  ['POST', { 'Sec-Fetch-Site': 'cross-site' }, 403],
  ['POST', { 'Sec-Fetch-Site': 'same-site' }, 403],
  ['POST', { 'Sec-Fetch-Site': 'anything' }, 403],
  ['DELETE', { 'Sec-Fetch-Site': 'cross-site' }, 403],
  ['PUT', { 'Sec-Fetch-Site': 'cross-site' }, 403],
  ['PATCH', { 'Sec-Fetch-Site': 'cross-site' }, 403],
  ['GET', { 'Sec-Fetch-Site': 'cross-site' }, 200],
  ['HEAD', { 'Sec-Fetch-Site': 'cross-site' }, 200],
  ['POST', { Origin: 'http://evil.example' }, 403],
  ['POST', { Origin: 'null' }, 403],
  ['POST', { Origin: 'http://localhost:1' }, 403],
  ['GET', { Origin: 'http://evil.example' }, 200],
])('%s with %j is %i', async (method, headers, status) => {
  const { port } = await start()
  expect(await ask(port, method, headers)).toBe(status)
})

test('a page of this very origin may write', async () => {
  const { port } = await start()
  expect(await ask(port, 'POST', { Origin: `http://127.0.0.1:${port}` })).toBe(200)
})

describe.each(['127.0.0.1', '0.0.0.0', '::', 'localhost'])('a manager that listens on %s', (listensOn) => {
  test.each<[string, number]>([
    ['localhost:8000', 200],
    ['LOCALHOST', 200],
    ['localhost.', 200],
    ['store.localhost:8000', 200],
    ['127.0.0.1:8000', 200],
    ['127.9.9.9', 200],
    ['10.0.0.1', 200],
    ['203.0.113.7:8000', 200],
    ['[::1]:8000', 200],
    ['[2001:db8::7]', 200],
    ['rebound.example', 403],
    ['rebound.example:8000', 403],
    ['127.0.0.1.rebound.example', 403],
    ['localhost.rebound.example', 403],
    ['notlocalhost', 403],
    ['manager', 403],
    ['.', 403],
    ['[::1', 403],
    ['user@127.0.0.1', 403],
    ['rebound.example#.localhost', 403],
  ])('answers a request for the host %s with %i', async (host, status) => {
    const { port } = await start({ host: listensOn })
    expect(await ask(port, 'GET', { Host: host })).toBe(status)
  })
})

test('a request without a Host, as HTTP/1.0 lets it be, is served', async () => {
  const { port } = await start()
  expect(await rawExchange(port, 'GET /thing HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 /)
  expect(await rawExchange(port, 'GET /thing HTTP/1.0\r\nHost: rebound.example\r\n\r\n')).toMatch(/^HTTP\/1\.1 403 /)
})

test('the refusal says what to set', async () => {
  const { port } = await start({ host: '0.0.0.0' })
  const answer = await rawExchange(port, 'GET /thing HTTP/1.1\r\nHost: other.example\r\nConnection: close\r\n\r\n')
  expect(answer).toMatch(/"code":10,.*PUBLIC_HOSTS.*MANAGER_URL/)
})

test('a manager is served by the name it listens on', async () => {
  const { port } = await start({ host: 'Files.Lan' })
  expect(await ask(port, 'GET', { Host: 'files.lan:8000' })).toBe(200)
  expect(await ask(port, 'GET', { Host: 'other.lan:8000' })).toBe(403)
})

test.each<[string, number]>([
  ['files.example', 200],
  ['FILES.example:8443', 200],
  ['files.example.:1', 200],
  ['xn--tda.example', 200],
  ['store', 200],
  ['www.files.example', 403],
  ['example', 403],
  ['files.example.evil.example', 403],
])('with PUBLIC_HOSTS a request for the host %s is %i, on whatever port', async (host, status) => {
  const publicHosts = hostNames('Files.Example, \u00fc.example,store')
  for (const listensOn of ['127.0.0.1', '0.0.0.0']) {
    const { port } = await start({ host: listensOn, publicHosts })
    expect(await ask(port, 'GET', { Host: host })).toBe(status)
  }
})

test.each<[string, string, number]>([
  ['https://files.example.test', 'files.example.test', 200],
  ['https://files.example.test', 'files.example.test:443', 200],
  ['https://files.example.test', 'Files.EXAMPLE.test', 200],
  ['https://files.example.test', 'FILES.example.test:443', 200],
  ['https://files.example.test', 'files.example.test:', 200],
  ['https://files.example.test', 'files.example.test:80', 403],
  ['https://files.example.test', 'files.example.test:8443', 403],
  ['https://files.example.test', 'files.example.test.evil.example', 403],
  ['https://files.example.test', 'evil@files.example.test', 403],
  ['https://files.example.test', 'files.example.test/', 403],
  ['https://FILES.example.test:443/', 'files.example.test', 200],
  ['http://files.example.test', 'files.example.test:80', 200],
  ['http://files.example.test', 'files.example.test:443', 403],
  ['http://files.example.test:8080', 'FILES.example.test:8080', 200],
  ['http://files.example.test:8080', 'files.example.test', 403],
  ['https://\u00fc.example', 'xn--tda.example', 200],
  ['https://files.example.test', '127.0.0.1:8000', 200],
  ['https://files.example.test', 'LocalHost:8000', 200],
])('with MANAGER_URL=%s a request for the host %s is %i', async (publicUrl, host, status) => {
  const { port } = await start({ publicUrl })
  expect(await ask(port, 'GET', { Host: host })).toBe(status)
})

const publicUrl = 'https://files.example.test'

test.each<[string, string, number]>([
  ['https://files.example.test', '127.0.0.1:8000', 200],
  ['https://files.example.test:443', 'localhost', 200],
  ['HTTPS://Files.Example.Test', '127.0.0.1:8000', 200],
  ['https://files.example.test', 'files.example.test:443', 200],
  ['https://files.example.test', 'FILES.example.test', 200],
  ['http://files.example.test', '127.0.0.1:8000', 403],
  ['https://files.example.test:8443', '127.0.0.1:8000', 403],
  ['https://evil.example', '127.0.0.1:8000', 403],
  ['https://files.example.test.evil.example', 'files.example.test', 403],
  ['https://files.example.test@evil.example', 'files.example.test', 403],
  ['http://127.0.0.1:8000', '127.0.0.1:8000', 200],
  ['http://LOCALHOST', 'localhost:80', 200],
  ['http://127.0.0.1:8001', '127.0.0.1:8000', 403],
  ['null', '127.0.0.1:8000', 403],
  ['https:files.example.test', '127.0.0.1:8000', 403],
])('behind a proxy a page of %s that writes to the host %s is %i', async (origin, host, status) => {
  const { port } = await start({ publicUrl })
  expect(await ask(port, 'DELETE', { Host: host, Origin: origin })).toBe(status)
  expect(await ask(port, 'DELETE', { Host: host, Origin: origin, 'Sec-Fetch-Site': 'cross-site' })).toBe(403)
})

test('a page of the public origin may write, whichever of its names a proxy asks for', async () => {
  const { port } = await start({ host: '0.0.0.0', publicUrl, publicHosts: ['manager'] })
  expect(await ask(port, 'POST', { Host: 'manager:8000', Origin: publicUrl })).toBe(200)
  expect(await ask(port, 'POST', { Host: 'manager:8000', Origin: 'https://manager:8000' })).toBe(200)
  expect(await ask(port, 'POST', { Host: 'manager:8000', Origin: 'https://other.example' })).toBe(403)
})
