import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bytesIn, infoHashesIn, numberIn, parseRawQuery, textIn } from '../../../src/api/tracker/announce-query.ts'

test('20 bytes of any kind are read, whichever of them a client escapes', () => {
  const bytes = fc.uint8Array({ minLength: 20, maxLength: 20 })
  const areEscaped = fc.array(fc.constantFrom('no', 'lower', 'upper'), { minLength: 20, maxLength: 20 })
  fc.assert(
    fc.property(bytes, areEscaped, (hash, ways) => {
      const text = [...hash].map((byte, index) => {
        const character = String.fromCharCode(byte)
        if (ways[index] === 'no' && !/[&%+#=]/.test(character)) return character
        const digits = byte.toString(16).padStart(2, '0')
        return `%${ways[index] === 'upper' ? digits.toUpperCase() : digits}`
      })
      expect(infoHashesIn(parseRawQuery(`/announce?info_hash=${text.join('')}&port=1`))).toEqual([
        Buffer.from(hash).toString('hex'),
      ])
    }),
  )
})

test.each([
  ['a+b', 'a b'],
  ['a%2bb', 'a+b'],
  ['%', '%'],
  ['%4', '%4'],
  ['%4g%41', '%4gA'],
  ['%%41', '%A'],
  ['a=b', 'a=b'],
])('%s is %s', (text, expected) => {
  const query = parseRawQuery(`/scrape?x=${text}`)
  expect(bytesIn(query, 'x').map(String)).toEqual([expected])
  expect(textIn(query, 'x')).toBe(expected)
})

test('a number is a whole one', () => {
  const query = parseRawQuery('/announce?port=6881&left=-1&numwant=&bad=1e3')
  expect([numberIn(query, 'port'), numberIn(query, 'left'), numberIn(query, 'numwant')]).toEqual([6_881, -1, undefined])
  expect(() => numberIn(query, 'bad')).toThrow('Invalid request')
})
