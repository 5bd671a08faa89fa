import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Bencodable, decodeBencode, decodeFirst, encodeBencode } from '../../../src/node/torrent/bencode.ts'

const bytes = (text: string) => Uint8Array.from(Buffer.from(text, 'latin1'))

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
  [{ '10': 1, '9': 2, '\xff': 3, a: {}, b: undefined }, 'd2:10i1e1:9i2e1:ade1:\xffi3ee'],
])('%j is %j', (value, expected) => {
  expect(encodeBencode(value).toString('latin1')).toBe(expected)
})

test.each([[null], [Number.NaN], [2 ** 53], [true], [{ Ā: 1 }]])('%j cannot be bencoded', (value) => {
  expect(() => encodeBencode(value)).toThrow(TypeError)
})

test('what was encoded is read, also where keys are no texts', () => {
  const key = fc.string({ unit: fc.nat(255).map((byte) => String.fromCharCode(byte)), maxLength: 4 })
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.maxSafeInteger(),
      fc.uint8Array({ maxLength: 8 }),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(key, tie('value'), { maxKeys: 4 }),
    ),
  }))
  fc.assert(
    fc.property(value, (given) => {
      const encoded = encodeBencode(given)
      expect(encodeBencode(decodeBencode(encoded)).equals(encoded)).toBe(true)
      expect(decodeFirst(Buffer.concat([encoded, Buffer.from('e')])).length).toBe(encoded.length)
    }),
  )
})

test('byte strings are bytes, and a key may be any', () => {
  expect(decodeBencode(bytes('d1:al2:\x00\xffi-1ee9:__proto__i1e2:\xff\x001:xe'))).toEqual(
    Object.assign(Object.create(null), { a: [bytes('\x00\xff'), -1], ['__proto__']: 1, '\xff\x00': bytes('x') }),
  )
})

test('whatever has another form is refused, and so is what would take much memory', () => {
  const wrong = [
    ...['', 'x', 'd', 'l', 'i', '1', '4:spa', 'd1:a', 'd1:ae', 'di1e1:ae', 'd1:ai1e1:ai2ee'],
    ...['l-3:', '-0:', '+1:a', '01:a', '1.0:a', ' 1:a', '99999999999999999999:a', '4294967296:a'],
    ...['ie', 'i-e', 'i-0e', 'i01e', 'i+1e', 'i1.5e', 'i 1e', 'i9007199254740992e', `i${'9'.repeat(1_000_000)}e`],
    ...['l'.repeat(100_000), `${'l'.repeat(42)}${'e'.repeat(42)}`, `l${'0:'.repeat(200_000)}e`],
  ]
  const taken = wrong.filter((text) => {
    try {
      decodeBencode(bytes(text))
      return true
    } catch {
      return false
    }
  })
  expect(taken).toEqual([])
})

test('whoever expects few values says so', () => {
  expect(decodeBencode(bytes('li1ei2ee'), 3)).toEqual([1, 2])
  expect(() => decodeBencode(bytes('li1ei2ee'), 2)).toThrow('too many values')
})
