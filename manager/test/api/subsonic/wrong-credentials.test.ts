import type { IncomingMessage } from 'node:http'
import { expect, test } from 'vitest'
import { networkOf, WrongCredentials } from '../../../src/api/subsonic/wrong-credentials.ts'

const heardFrom = (remoteAddress: string | undefined, headers: IncomingMessage['headers'] = {}): string =>
  networkOf({ socket: { remoteAddress }, headers } as unknown as IncomingMessage)

test('a network that has shown too many wrong ones is not heard for a while, unless it is known for right ones', () => {
  let now = 0
  const wrong = new WrongCredentials(() => now)
  expect(wrong.judges('home', true)).toBe(true)
  for (const network of ['home', 'away'])
    expect(Array.from({ length: 60 }, () => wrong.judges(network, false)).filter(Boolean)).toHaveLength(50)
  expect([wrong.judges('home', true), wrong.judges('away', true), wrong.judges('elsewhere', true)]).toEqual([
    true,
    false,
    true,
  ])
  expect(wrong.judges('home', false)).toBe(false)
  now += 6_000
  expect(wrong.judges('away', true)).toBe(true)
})

test('a network that was right long before many others is known no more', () => {
  const wrong = new WrongCredentials(() => 0)
  for (let number = 0; number <= 1_000; number++) wrong.judges(String(number), true)
  for (const network of ['0', '1']) for (let count = 0; count < 50; count++) wrong.judges(network, false)
  expect([wrong.judges('0', true), wrong.judges('1', true)]).toEqual([false, true])
})

test('a proxy nearby tells whose call it brings, and nobody else does', () => {
  const via = (list: string) => ({ 'x-forwarded-for': list })
  const [one, other] = [heardFrom('127.0.0.1', via('9.9.9.9, 1.2.3.4')), heardFrom('127.0.0.1', via('1.2.3.5'))]
  expect(one).not.toBe(other)
  expect(heardFrom('127.0.0.1', via('8.8.8.8, 1.2.3.4'))).toBe(one)
  expect(heardFrom('127.0.0.1', via('1.2.3.4:5678'))).toBe(one)
  expect(heardFrom('127.0.0.1', via('[2a01::1]:5678'))).toBe(heardFrom('127.0.0.1', via('2a01::1')))
  // Who says so himself counts apart from him whom he names.
  expect([heardFrom('1.2.3.4'), heardFrom('127.0.0.1')]).not.toContain(one)
  expect(heardFrom('5.6.7.8', via('1.2.3.4'))).toBe(heardFrom('5.6.7.8'))
  expect(heardFrom('127.0.0.1', { via: '1.1 proxy' })).toBe(heardFrom('::ffff:127.0.0.1'))
  expect(heardFrom('fe80::1%eth0')).not.toBe(heardFrom('fe80::2%eth0'))
  expect(heardFrom(undefined)).toBe('')
})
