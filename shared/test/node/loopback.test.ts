import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isLoopback, requireLoopback } from '../../src/node/loopback.ts'
import { StartError } from '../../src/node/run-service.ts'

test.each(['127.0.0.1', '127.0.0.2', '127.255.255.255', '::1', '0:0:0:0:0:0:0:1', 'localhost'])(
  '%s is loopback',
  (host) => {
    expect(isLoopback(host)).toBe(true)
    expect(() => requireLoopback(host, false)).not.toThrow()
  },
)

test.each([
  '0.0.0.0',
  '::',
  '128.0.0.1',
  '126.255.255.255',
  '10.0.0.1',
  '::2',
  'fe80::1',
  'example.com',
  '127.0.0.1.example.com',
  'localhost.example.com',
  '',
  '127.1',
  '0x7f.0.0.1',
])('%j is not, and is only served to the world where that was asked for', (host) => {
  expect(isLoopback(host)).toBe(false)
  expect(() => requireLoopback(host, false)).toThrow(StartError)
  expect(() => requireLoopback(host, false)).toThrow('ALLOW_ANONYMOUS=true')
  expect(() => requireLoopback(host, true)).not.toThrow()
})

test('of all IPv4 addresses exactly 127.0.0.0/8 is loopback', () => {
  const property = fc.property(fc.ipV4(), (host) => {
    expect(isLoopback(host)).toBe(host.startsWith('127.'))
  })
  fc.assert(property, { numRuns: 300 })
})
