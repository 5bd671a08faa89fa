import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { describe, expect, test } from 'vitest'
import { Callers, trustedProxies } from '../../src/http/callers.ts'

const caller = (remoteAddress: string, headers: IncomingHttpHeaders) =>
  ({ socket: { remoteAddress }, headers: { host: '127.0.0.1:8000', ...headers } }) as IncomingMessage
const forwarded = (addresses: string) => ({ host: 'files.example', 'x-forwarded-for': addresses })

test.each<[string, string, IncomingHttpHeaders, string]>([
  ['a peer asks directly', '93.184.216.34', { host: 'files.example' }, '93.184.216.34'],
  ['this machine asks', '127.0.0.1', {}, '127.0.0.1'],
  ['this machine asks by its name', '::1', { host: 'localhost:8000' }, '::1'],
  ['a proxy asks whose address comes as IPv6', '::ffff:10.0.0.1', forwarded('10.0.0.2'), '10.0.0.2'],
  [
    'a proxy adds a caller to what that has made up',
    '10.0.0.1',
    forwarded('127.0.0.1, 93.184.216.34'),
    '93.184.216.34',
  ],
  ['one trusted proxy asks another', '10.0.0.1', forwarded('8.8.8.8, 93.184.216.34,fd00::7'), '93.184.216.34'],
  ['a trusted proxy asks on its own behalf', '10.0.0.1', forwarded('fd00::7'), 'fd00::7'],
  ['a proxy adds the port', '10.0.0.1', forwarded('93.184.216.34:5000'), '93.184.216.34'],
  ['a proxy adds the port of IPv6', '10.0.0.1', forwarded('[2A00:1450::1]:5000'), '2a00:1450::1'],
])('%s: %s with %j is %s', (_, remoteAddress, headers, ip) => {
  expect(new Callers(['10.0.0.1', 'fd00::7']).addressOf(caller(remoteAddress, headers)).ip).toBe(ip)
})

describe('what cannot be told is refused', () => {
  const trusting = new Callers(['10.0.0.1', 'fd00::7'])
  test.each<[string, string, IncomingHttpHeaders, RegExp]>([
    ['a proxy that is not trusted', '10.0.0.2', forwarded('93.184.216.34'), /not through a proxy .*TRUSTED_PROXIES/],
    ['one on this machine', '127.0.0.1', forwarded('93.184.216.34'), /not through a proxy .*TRUSTED_PROXIES/],
    ['one on this machine that adds nothing', '127.0.0.1', { host: 'files.example' }, /TRUSTED_PROXIES/],
    ['one that asks for an address', '::1', { host: '93.184.216.34' }, /TRUSTED_PROXIES/],
    ['a trusted one that adds nothing', '10.0.0.1', {}, /have it send X-Forwarded-For/],
    ['a trusted one that adds something else', '10.0.0.1', { via: '1.1 x' }, /have it send X-Forwarded-For/],
    ['an address that is none', '10.0.0.1', forwarded('93.184.216.34, unknown'), /no peer can have/],
    ['an address of a link', 'fe80::1', {}, /no peer can have/],
  ])('%s: %s with %j', (_, remoteAddress, headers, detail) => {
    const asking = caller(remoteAddress, headers)
    expect(() => trusting.addressOf(asking)).toThrow(
      expect.objectContaining({ name: 'FORBIDDEN', detail: expect.stringMatching(detail) }),
    )
    expect(trusting.scopeOf(asking)).toBe('public')
  })
})

test('networks are told apart by trusted proxies, and this machine is none', () => {
  const networkOf = (remoteAddress: string, headers: IncomingHttpHeaders) =>
    new Callers(['127.0.0.1']).networkOf(caller(remoteAddress, headers))
  expect(networkOf('127.0.0.1', {})).toBeNull()
  expect(networkOf('127.0.0.1', forwarded('2a00:1450:1:2::1'))).toBe('2a00145000010002')
  expect(networkOf('127.0.0.1', forwarded('2a00:1450:1:2::2'))).toBe('2a00145000010002')
  expect(networkOf('127.0.0.1', { host: 'files.example' })).toBe('7f000001')
  expect(networkOf('10.0.0.1', forwarded('8.8.8.8'))).toBe('0a000001')
  expect(networkOf('fe80::1', {})).toBe('fe80::1')
})

test('TRUSTED_PROXIES is addresses in any form', () => {
  expect(trustedProxies('127.0.0.1, ::FFFF:10.0.0.1 ,FD00:0::7')).toEqual(['127.0.0.1', '10.0.0.1', 'fd00::7'])
  for (const wrong of ['nginx', '10.0.0.0/8', '127.0.0.1,', '0.0.0.0'])
    expect(() => trustedProxies(wrong)).toThrow('must be IP addresses')
})
