import { bodiless, type Expected, type HostileInput, post } from './client.ts'
import { hostileLengths, raw } from './lengths.ts'
import type { Random } from './random.ts'

const refused: Expected = ['refused']
const body = '{"filename":"head/x","file":"aGk="}'

// biome-ignore format: a table
const methods = [
  'PUT', 'PATCH', 'OPTIONS', 'TRACE', 'CONNECT', 'PROPFIND', 'PURGE', 'LINK', 'M-SEARCH', 'post', 'G\0T',
  'X'.repeat(5_000), '', ' ', 'GET\t', 'QUERY', 'PRI', '\xff',
]
// biome-ignore format: a table
const targets = [
  '*', 'http:///none', 'http://x/none', 'http://[::1/file/none', 'http://[::1/file/none?', 'http://%@h/file/none',
  'http://%zz@h/file/none', 'http://a:99999999/file/none', 'https://u:p@h/file/none', 'foo://h/file/none',
  'file:///etc/passwd', 'x', 'x:1', 'localhost:80', '//h/file/none', '///', '/file', '/file/', '/file/%',
  '/filex', '/file\\x', '/../../etc/passwd', '/.git/config', '/socket.io', '/socket.io/',
  '/socket.io/?EIO=4&transport=polling', '/socket.io/?EIO=3', '/ready/x', '/health%00', '/%', '/\x80',
  `/${'a'.repeat(15_000)}`, `/${'a'.repeat(20_000)}`, '/file/none#x', '//u@[::1/file/none#', '//%@h/file/none#',
  '/file/none?%zz', '/openapi.json/..', '/active-nodes/%2e',
]
// biome-ignore format: a table
const types = [
  'application/xml', 'application/jsonx', 'text/html', 'image/png', 'application/json; charset=utf-16',
  'application/json; charset=evil', 'x', '/', 'application/', '\x80', 'multipart/form-data', 'multipart/x',
  'a'.repeat(8_000), 'application/json\x0b', 'application/octet-stream', 'application/json, text/plain',
]
const encodings = ['gzip', 'deflate', 'br', 'zstd', 'x', 'gzip, gzip', 'identity, gzip', '*', 'chunked', '\x80']
const hosts = ['[', '[::1', '@', 'a@b', '%', '..', '127.0.0.1:x', '127.0.0.1@evil', 'evil.example', '\\', 'a, b', '']
const sites = ['cross-site', 'same-site', 'x', 'CROSS-SITE', 'none, cross-site', 'same-origin, cross-site', ' \x80']
// biome-ignore format: a table
const wrongHeaders = [
  'no colon', ': empty', 'a b: c', 'a\0b: c', 'a: b\0c', 'a: b\x01c', ' folded: x', 'a:\r\n b\0', '\x80: x',
  'Host: y', `X: ${'y'.repeat(17_000)}`,
  ...Array.from({ length: 6 }, (_, power) => `${'h:v\r\n'.repeat(3_000 + power)}h: v`),
]
// biome-ignore format: a table
const conditions = [
  'Range', 'If-Range', 'If-None-Match', 'If-Modified-Since', 'If-Match', 'Accept', 'Accept-Encoding', 'Cookie',
  'Authorization', 'X-Request-Id', 'X-Forwarded-For', 'Forwarded', 'Referer', 'Via', 'Connection', 'Cache-Control',
] as const

// biome-ignore format: a table
const notHttp = [
  'GET /none\r\n\r\n', 'GET\r\n\r\n', '\x16\x03\x01\x02\0\x01\0', 'SSH-2.0-x\r\n', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', '\r\n'.repeat(5_000),
  '\0'.repeat(99), 'EHLO x\r\n', '*1\r\n$4\r\nPING\r\n', '<xml/>', '{}',
]

/** Makes hostile headers, methods and targets. */
export function hostileHeaders(random: Random, count: number): HostileInput[] {
  const inputs: HostileInput[] = hostileLengths(random)
  const add = (what: string, bytes: Buffer, expected: Expected = refused): unknown =>
    inputs.push({ what, bytes, expected })
  for (const method of methods)
    for (const target of ['/file', '/file/none', '*', '/none'])
      add(`${method.slice(0, 20)} ${target}`, bodiless(method, target))
  for (const target of targets)
    for (const method of ['GET', 'DELETE', 'POST', 'HEAD'])
      add(`${method} ${target.slice(0, 60)}`, bodiless(method, target))
  for (const type of types) add(`type ${type.slice(0, 60)}`, post(body, type))
  for (const host of hosts)
    for (const origin of ['http://evil', 'null', '[', 'http://127.0.0.1']) {
      const head = `DELETE /file/none HTTP/1.1\r\nHost: ${host}\r\nOrigin: ${origin}\r\n\r\n`
      add(`host ${host}, origin ${origin}`, Buffer.from(head))
    }
  for (const encoding of encodings)
    add(`encoding ${encoding}`, post(body, 'application/json', [`Content-Encoding: ${encoding}`]), [415])
  for (const site of sites) {
    add(`site ${site}`, post(body, 'application/json', [`Sec-Fetch-Site: ${site}`]), [403])
    add(`site ${site}`, bodiless('DELETE', '/file/none', [`Sec-Fetch-Site: ${site}`]), [403])
  }
  for (const header of wrongHeaders)
    add(`header ${JSON.stringify(header.slice(0, 30))}`, bodiless('GET', '/file/none', [header]), [404, 'refused'])
  for (const value of ['nonsense', '100-continue, x', '', '100', 'x'.repeat(5_000), '\x80'])
    add(`Expect: ${value.slice(0, 20)}`, post('x', 'application/json', [`Expect: ${value}`]))
  for (const version of ['0.9', '1.2', '2.0', '9.9', '1', '', 'x', '1.1 ', '11', '-1.1'])
    add(`HTTP/${version}`, Buffer.from(`GET /file/none HTTP/${version}\r\nHost: 127.0.0.1\r\n\r\n`))
  for (const text of notHttp) inputs.push(raw('not HTTP', text))
  for (const connection of ['Upgrade: websocket', 'Upgrade: h2c', 'Upgrade: \x80', 'Upgrade: TLS/1.0'])
    add(connection, bodiless('GET', '/none', ['Connection: Upgrade', connection]))
  while (inputs.length < count) {
    const kind = random.int(4)
    const noise = random.bytes(1 + random.int(60)).toString('latin1')
    if (kind === 0) inputs.push(raw(`garbage ${Buffer.from(noise, 'latin1').toString('hex')}`, noise))
    else if (kind === 1) {
      const good = bodiless('GET', '/file/none', ['Range: bytes=0-1', 'X: y'])
      inputs.push(raw('a changed head', random.flip(good).toString('latin1'), [404, 'refused']))
    } else {
      const name = random.pick(conditions)
      const value = random.pick([
        () => `bytes=${random.text(1 + random.int(12), '0123456789-,= ')}`,
        () => `bytes=${'0-,'.repeat(random.int(2_000))}`,
        () => random.text(random.int(40), '"W/,*\\ ;=ab\x80\t'),
        () => '9'.repeat(random.int(4_000)),
      ])()
      // The target exists, and these say only what the client wishes about it. A wish that makes no sense is no error.
      const method = random.pick(['GET', 'HEAD'])
      add(`${method} ${name}: ${value}`, bodiless(method, '/file/target', [`${name}: ${value}`]), [
        200,
        206,
        304,
        'refused',
      ])
    }
  }
  return inputs
}
