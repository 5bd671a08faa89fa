import { expect, test } from 'vitest'
import { reasonOf } from '../src/peer-error.ts'

test.each<[unknown, string]>([
  [Object.assign(new Error('x'), { code: 'ENOSPC' }), 'no space is left on the disk (ENOSPC)'],
  [
    new TypeError('fetch failed', { cause: Object.assign(new Error('x'), { code: 'ECONNREFUSED' }) }),
    'nothing answers there (ECONNREFUSED)',
  ],
  [AbortSignal.abort().reason, 'interrupted'],
  [Object.assign(new Error(''), { code: 'EODD' }), 'EODD'],
  [new Error('as it is'), 'as it is'],
  ['a text', 'a text'],
])('%j is %s', (thrown, reason) => expect(reasonOf(thrown)).toBe(reason))
