import * as parsers from '@holdfast/shared/settings/parsers'
import { expect, test } from 'vitest'

const small = parsers.integer({ min: -5, max: 5 })

test.each<[(text: string) => unknown, string, unknown]>([
  [small, '-5', -5],
  [small, '5', 5],
  [small, '003', 3],
  [parsers.port, '0', 0],
  [parsers.port, '65535', 65535],
  [parsers.milliseconds, '2000000000', 2_000_000_000],
  [parsers.bytes, '0', 0],
  [parsers.bytes, '7', 7],
  [parsers.bytes, '7B', 7],
  [parsers.bytes, '64KiB', 65_536],
  [parsers.bytes, '10 MiB', 10_485_760],
  [parsers.bytes, '4GiB', 4 * 1024 ** 3],
  [parsers.bytes, '2TiB', 2 * 1024 ** 4],
  [parsers.flag, 'true', true],
  [parsers.flag, 'false', false],
  [parsers.text, 'anything', 'anything'],
  [parsers.zone, 'rack 1', 'rack 1'],
  [parsers.secret, '0123456789abcdef', '0123456789abcdef'],
  [parsers.oneOf('a', 'b'), 'b', 'b'],
  [parsers.logLevel, 'warn', 'warn'],
  [parsers.httpUrl, 'http://10.0.0.1:8000', 'http://10.0.0.1:8000'],
  [parsers.httpUrl, 'HTTPS://Store.Example/', 'https://store.example'],
  [parsers.httpUrl, 'http://[::1]:8000', 'http://[::1]:8000'],
  [parsers.httpUrls, 'http://a:1, http://b:2,http://a:1/', ['http://a:1', 'http://b:2']],
  [parsers.httpBaseUrl, 'http://h:8000/', 'http://h:8000'],
  [parsers.httpBaseUrl, 'https://H/store/a//', 'https://h/store/a'],
  [parsers.hostNames, 'Files.Example , b,files.example', ['files.example', 'b']],
  [parsers.hostNames, '\u00fc.example', ['xn--tda.example']],
  [parsers.hostNames, '10.0.0.1,[::1]', ['10.0.0.1', '[::1]']],
  [parsers.mongoUrl, 'mongodb://h/holdfast?replicaSet=rs0', 'mongodb://h/holdfast?replicaSet=rs0'],
  [parsers.mongoUrl, 'mongodb+srv://user:pass@h/x', 'mongodb+srv://user:pass@h/x'],
])('%o reads %j as %j', (parse, text, value) => {
  expect(parse(text)).toEqual(value)
})

test.each<[(text: string) => unknown, string, string]>([
  [small, '6', 'between'],
  [parsers.zone, 'z'.repeat(101), 'at most 100'],
  [small, '-6', 'between'],
  [small, '1.5', 'whole number'],
  [small, '1e0', 'whole number'],
  [small, '0x1', 'whole number'],
  [small, '+1', 'whole number'],
  [small, '9007199254740993', 'whole number'],
  [parsers.port, '65536', 'between'],
  [parsers.milliseconds, '0', 'between'],
  [parsers.milliseconds, '2147483648', 'between'],
  [parsers.bytes, '', 'size'],
  [parsers.bytes, '-1', 'size'],
  [parsers.bytes, '1.5GiB', 'size'],
  [parsers.bytes, '10MB', 'size'],
  [parsers.bytes, '10 mib', 'size'],
  [parsers.bytes, '99999999TiB', 'too large'],
  [parsers.flag, '1', 'true or false'],
  [parsers.flag, 'TRUE', 'true or false'],
  [parsers.secret, 'short', '16 characters'],
  [parsers.oneOf('a', 'b'), 'c', 'one of a, b'],
  [parsers.oneOf('a', 'b'), 'toString', 'one of a, b'],
  [parsers.hostNames, '*.example', 'wildcards'],
  [parsers.hostNames, 'a.example:8000', 'without scheme and port'],
  [parsers.hostNames, 'https://a.example', 'without scheme and port'],
  [parsers.hostNames, 'a.example,', 'host names'],
  [parsers.hostNames, 'a.example/x', 'host names'],
  [parsers.hostNames, 'a b', 'host names'],
  [parsers.hostNames, '::1', 'host names'],
  [parsers.logLevel, 'loud', 'one of fatal'],
  [parsers.httpUrl, '10.0.0.1:8000', 'URL'],
  [parsers.httpUrl, 'ftp://h', 'URL'],
  [parsers.httpUrl, 'http:///x', 'URL'],
  [parsers.httpUrl, 'http://h:99999', 'URL'],
  [parsers.httpUrl, 'http://h/store', 'no path'],
  [parsers.httpUrl, 'http://user:pass@h', 'no user name'],
  [parsers.httpUrl, 'http://h?a', 'no query'],
  [parsers.httpUrls, 'http://a:1,http://b/store/', 'no path'],
  [parsers.httpBaseUrl, 'h/store', 'URL'],
  [parsers.httpBaseUrl, 'https://user@h/store', 'no user name'],
  [parsers.httpBaseUrl, 'https://h/store?', 'no query'],
  [parsers.httpBaseUrl, 'https://h/store#top', 'no fragment'],
  [parsers.httpUrls, 'http://a:1,', 'URL'],
  [parsers.httpUrls, '', 'URL'],
  [parsers.mongoUrl, 'http://h', 'URL'],
  [parsers.mongoUrl, 'mongodb://', 'URL'],
])('%o refuses %j and says what it wants: %s', (parse, text, words) => {
  expect(() => parse(text)).toThrow(words)
})

test('a port for HTTP is none that fetch refuses', async () => {
  const ports = Array.from({ length: 65_536 }, (_, port) => port)
  const refused = ports.filter((port) => {
    try {
      return parsers.httpPort(String(port)) !== port
    } catch {
      return true
    }
  })
  expect(refused).toHaveLength(82)
  for (const port of refused) {
    const failure = await fetch(`http://127.0.0.1:${port}`).catch((error: unknown) => error)
    expect(failure).toMatchObject({ cause: { message: 'bad port' } })
  }
  for (const port of [0, 80, 443, 3000, 8000, 8080, 9000, 65_535]) expect(refused).not.toContain(port)
})
