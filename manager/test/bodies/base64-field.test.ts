import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeBase64Field } from '../../src/bodies/base64-field.ts'

test('bytes come back, with and without padding, and with white space around', () => {
  const property = fc.property(
    fc.uint8Array(),
    fc.boolean(),
    fc.constantFrom('', ' ', '\n'),
    (bytes, isPadded, space) => {
      const text = Buffer.from(bytes).toString('base64')
      expect([...decodeBase64Field(space + (isPadded ? text : text.replace(/=+$/, '')) + space)]).toEqual([...bytes])
    },
  )
  fc.assert(property)
})

test.each(['A', 'AB-_', 'AA\nAA', 'AB', 'A=AA', 'ŁAAA', 'é', '=A'])('%j is refused', (text) => {
  expect(() => decodeBase64Field(text)).toThrow(expect.objectContaining({ name: 'INVALID_REQUEST' }))
})

test('eight million signs of padding are refused at once', () => {
  const text = `${'='.repeat(8_000_000)}A`
  const startedAt = process.cpuUsage()
  expect(() => decodeBase64Field(text)).toThrow(expect.objectContaining({ name: 'INVALID_REQUEST' }))
  expect(process.cpuUsage(startedAt).user).toBeLessThan(2_000_000)
})
