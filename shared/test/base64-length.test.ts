import { decodedLength } from '@holdfast/shared/base64-length'
import { expect, test } from 'vitest'

test('tells the decoded length of any base64', () => {
  for (let length = 0; length < 300; length++) {
    const text = Buffer.alloc(length, 0xff).toString('base64')
    const paddingCount = text.length - text.replace(/=+$/, '').length
    expect(decodedLength(text.length, paddingCount)).toBe(length)
  }
})
