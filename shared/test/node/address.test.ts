import { BlockList, isIP } from 'node:net'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { endpointOf, isReachableFrom, isUnspecified, parseAddress } from '../../src/node/address.ts'

describe('an address', () => {
  test.each([
    ['127.0.0.1', '127.0.0.1', 'loopback'],
    ['::1', '::1', 'loopback'],
    ['10.1.2.3', '10.1.2.3', 'private'],
    ['100.64.0.1', '100.64.0.1', 'private'],
    ['fd00:0:0::5', 'fd00::5', 'private'],
    ['93.184.216.34', '93.184.216.34', 'public'],
    ['2A00:1450::2004', '2a00:1450::2004', 'public'],
    ['::ffff:10.0.0.7', '10.0.0.7', 'private'],
    ['::FFFF:0a00:0007', '10.0.0.7', 'private'],
    ['0:0:0:0:0:ffff:7f00:1', '127.0.0.1', 'loopback'],
  ])('%s is %s, which is %s', (text, ip, scope) => {
    expect(parseAddress(text)).toMatchObject({ ip, scope })
  })

  test.each([
    ...['', 'localhost', 'example.org', '127.1', '2130706433', '0x7f.0.0.1', '127.0.0.1 ', '1.2.3.4:80', '[::1]'],
    ...['0.0.0.0', '0.1.2.3', '169.254.169.254', '224.0.0.1', '255.255.255.255', '240.0.0.1'],
    ...['::', '::127.0.0.1', '::7f00:1', '64:ff9b::7f00:1', '64:ff9b:1::1', '2002:7f00:1::', '2001:0:7f00:1::1'],
    ...['fe80::1', 'fe80::1%eth0', 'ff02::1', '::ffff:169.254.169.254', '::ffff:a9fe:a9fe'],
  ])('%j is no address of a peer', (text) => {
    expect(parseAddress(text)).toBeNull()
  })

  test('is sorted by the networks that node:net finds it in', () => {
    const listOf = (...networks: string[]) => {
      const list = new BlockList()
      for (const network of networks) {
        const [ip = '', bits] = network.split('/')
        list.addSubnet(ip, Number(bits), isIP(ip) === 4 ? 'ipv4' : 'ipv6')
      }
      return (ip: string) => list.check(ip, isIP(ip) === 4 ? 'ipv4' : 'ipv6')
    }
    const isPrivate = listOf('10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7')
    const isNobodys = listOf(
      ...['0.0.0.0/8', '169.254.0.0/16', '224.0.0.0/3', '::/96', '64:ff9b::/96', '64:ff9b:1::/48', '2001::/32'],
      ...['2002::/16', 'fe80::/10', 'ff00::/8'],
    )
    const near = [
      '9',
      '10',
      '11',
      '100.63',
      '100.64',
      '100.127',
      '100.128',
      '172.15',
      '172.16',
      '172.31',
      '172.32',
      '192.168',
    ]
    const any = fc.oneof(fc.ipV4(), fc.ipV6())
    const edges = fc.tuple(fc.constantFrom(...near, '169.254', '223', '224'), fc.ipV4()).map(([start, ip]) => {
      const parts = start.split('.')
      return [...parts, ...ip.split('.').slice(parts.length)].join('.')
    })
    const edgesOfSix = fc
      .tuple(
        fc.constantFrom('fbff', 'fc00', 'fdff', 'fe00', 'fe80', 'febf', 'fec0', 'ff00', '2001:0', '2001:1'),
        fc.nat(9_999),
      )
      .map(([start, end]) => `${start}::${end}`)
    fc.assert(
      fc.property(fc.oneof(any, edges, edgesOfSix), (text) => {
        const address = parseAddress(text)
        const isMapped = text.includes(':') && address !== null && !address.ip.includes(':')
        if (isMapped || address?.scope === 'loopback') return
        expect(address === null).toBe(isNobodys(text))
        if (address !== null) expect(address.scope).toBe(isPrivate(text) ? 'private' : 'public')
      }),
      { numRuns: 2_000 },
    )
  })

  test('reads back from its compact form', () => {
    const literal = fc.oneof(fc.ipV4(), fc.ipV6())
    fc.assert(
      fc.property(literal, fc.integer({ min: 1, max: 65_535 }), (text, port) => {
        const address = parseAddress(text)
        if (address === null) return
        const compact = Buffer.concat([address.bytes, Buffer.from([port >> 8, port & 0xff])])
        expect(compact.length).toBe(address.ip.includes(':') ? 18 : 6)
        expect(endpointOf(compact)).toEqual({ address, port })
      }),
    )
  })

  test('of a customer is one of IPv4, and 64 bits of IPv6', () => {
    const network = (text: string) => parseAddress(text)?.network
    expect(network('93.184.216.34')).not.toBe(network('93.184.216.35'))
    expect(network('2a00:1450:1:2:3::4')).toBe(network('2a00:1450:1:2:ffff::1'))
    expect(network('2a00:1450:1:2:3::4')).not.toBe(network('2a00:1450:1:3:3::4'))
  })

  test('of a narrower scope is told to nobody from farther away', () => {
    expect(isReachableFrom('public', 'loopback')).toBe(false)
    expect(isReachableFrom('private', 'loopback')).toBe(false)
    expect(isReachableFrom('public', 'private')).toBe(false)
    expect(isReachableFrom('private', 'private')).toBe(true)
    expect(isReachableFrom('loopback', 'public')).toBe(true)
  })

  test.each([
    ['0.0.0.0', true],
    ['::', true],
    ['::0', true],
    ['0:0:0:0:0:0:0:0', true],
    ['::0.0.0.0', true],
    ['127.0.0.1', false],
    ['::1', false],
    [':', false],
  ])('%s may say that a program listens on all of them: %s', (text, expected) => {
    expect(isUnspecified(text)).toBe(expected)
  })
})
