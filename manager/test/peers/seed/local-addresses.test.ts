import type { NetworkInterfaceInfo } from 'node:os'
import { parseAddress } from '@holdfast/shared/node/address'
import { expect, test } from 'vitest'
import { LocalAddresses } from '../../../src/peers/seed/local-addresses.ts'

const interfaces = ['127.0.0.1/8', '172.17.0.1/16', '10.1.2.3/20', '198.51.100.7/24', '2001:db8::7/64'].map(
  (cidr) => ({ cidr, internal: cidr.startsWith('127.') }) as NetworkInterfaceInfo,
)

test.each([
  ['127.0.0.1', '0.0.0.0', '127.0.0.1'],
  ['::1', '::', '::1'],
  ['127.0.0.1', 'localhost', '127.0.0.1'],
  ['10.1.15.255', '0.0.0.0', '10.1.2.3'],
  ['172.17.200.1', '0.0.0.0', '172.17.0.1'],
  ['10.1.16.0', '0.0.0.0', '172.17.0.1'],
  ['203.0.113.9', '0.0.0.0', '198.51.100.7'],
  ['2001:db8::9', '::', '2001:db8::7'],
  ['203.0.113.9', '10.1.2.3', '10.1.2.3'],
])('%s that asks a socket at %s has reached %s', (caller, host, reached) => {
  const address = parseAddress(caller)
  if (address === null) throw new Error('no address')
  expect(new LocalAddresses(() => interfaces).reachedBy(address, host)?.ip).toBe(reached)
})

test('a machine with private addresses alone is reached by none that a public caller could have', () => {
  const address = parseAddress('203.0.113.9')
  if (address === null) throw new Error('no address')
  expect(new LocalAddresses(() => interfaces.slice(0, 3)).reachedBy(address, '0.0.0.0')).toBeNull()
})
