import { expect, test } from 'vitest'
import { type Bencodable, bencode } from '../../src/peers/bencode.ts'

test.each<[Bencodable, string]>([
  [0, 'i0e'],
  [-3, 'i-3e'],
  [1.9, 'i1e'],
  [4_294_967_296, 'i4294967296e'],
  ['', '0:'],
  ['spam', '4:spam'],
  ['für', '4:fÃ¼r'],
  [Buffer.from([0, 255]), '2:\x00\xff'],
  [['spam', 1, []], 'l4:spami1elee'],
  [{ spam: ['a', 'b'], cow: 'moo' }, 'd3:cow3:moo4:spaml1:a1:bee'],
  [{ '10': 1, '9': 2, '\xff': 3, a: {} }, 'd2:10i1e1:9i2e1:adee1:\xffi3ee'.replace('1:adee1', '1:ade1')],
])('%j is %j', (value, expected) => {
  expect(bencode(value).toString('latin1')).toBe(expected)
})
