import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { CallParameters } from '../../../src/api/subsonic/call-parameters.ts'
import { requireCredentials } from '../../../src/api/subsonic/credentials.ts'

const credentials = { user: 'joe', password: 'sesamé & 42' }
const md5 = (text: string): string => createHash('md5').update(text).digest('hex')
const hex = Buffer.from(credentials.password).toString('hex')

/** @returns the code of the protocol, or null where the caller is let in */
function judge(shown: Record<string, string>, known = credentials): number | null {
  try {
    requireCredentials(new CallParameters(Object.entries(shown)), known)
    return null
  } catch (error) {
    return (error as { code: number }).code
  }
}

test('the example of the specification is right', () => {
  const shown = { u: 'joe', t: '26719a1196d2a940705a59634eb18eab', s: 'c19b2d' }
  expect(judge(shown, { user: 'joe', password: 'sesame' })).toBeNull()
})

test.each<[Record<string, string>, number | null]>([
  [{ u: 'joe', p: 'sesamé & 42' }, null],
  [{ u: 'joe', p: `enc:${hex}` }, null],
  [{ u: 'joe', p: `enc:${hex.toUpperCase()}` }, null],
  [{ u: 'joe', t: md5('sesamé & 42salt'), s: 'salt' }, null],
  [{ u: 'joe', t: md5('sesamé & 42salt').toUpperCase(), s: 'salt' }, null],
  [{ u: 'joe', t: md5('sesamé & 42'), s: '' }, null],
  [{ u: 'joe', p: 'sesame' }, 40],
  [{ u: 'joe', p: '' }, 40],
  [{ u: 'joe', p: `enc:${hex}0` }, 40],
  [{ u: 'Joe', p: 'sesamé & 42' }, 40],
  [{ u: '', p: 'sesamé & 42' }, 40],
  [{ u: 'joe', t: md5('sesamé & 42salt'), s: 'pepper' }, 40],
  [{ u: 'joe', t: '', s: 'salt' }, 40],
  [{ p: 'sesamé & 42' }, 10],
  [{ u: 'joe' }, 10],
  [{ u: 'joe', t: md5('sesamé & 42salt') }, 10],
  [{ u: 'joe', s: 'salt' }, 10],
  [{ apiKey: 'key' }, 42],
  [{ apiKey: 'key', u: 'joe' }, 43],
  [{ u: 'joe', p: 'sesamé & 42', t: md5('sesamé & 42salt'), s: 'salt' }, 43],
])('%j: %j', (shown, code) => {
  expect(judge(shown)).toBe(code)
})
