import { expect, test } from 'vitest'
import { z } from 'zod'
import { parseQuery } from '../../src/http/parse-query.ts'

const schema = z.object({
  name: z.string().optional(),
  limit: z
    .string()
    .regex(/^\d{1,4}$/, 'must be a number')
    .transform(Number)
    .optional(),
})

test.each<[string, object]>([
  ['/files', {}],
  ['/files?', {}],
  ['/files?&&', {}],
  ['/files?name=a&limit=10', { name: 'a', limit: 10 }],
  ['/files?name', { name: '' }],
  ['/files?name=', { name: '' }],
  ['/files?name=a=b', { name: 'a=b' }],
  ['/files?name=a?b', { name: 'a?b' }],
  ['/files?name=a+b%2Bc%20d', { name: 'a b+c d' }],
  ['/files?n%61me=%c3%bc%2f', { name: 'ü/' }],
  ['/files?name=\u00c3\u00bc', { name: 'ü' }],
  ['/files?other=x&__proto__=y&constructor=z', {}],
])('reads %s', (target, expected) => {
  expect(parseQuery(schema, target)).toEqual(expected)
})

test.each([
  ['/files?limit=-1', 'limit: must be a number'],
  ['/files?limit=1e3', 'limit: must be a number'],
  ['/files?limit=', 'limit: must be a number'],
  ['/files?name=a&name=b', 'name is given twice'],
  ['/files?name=a&n%61me=a', 'name is given twice'],
  ['/files?name=%', 'the query holds a bad escape, or is not UTF-8'],
  ['/files?%zz', 'the query holds a bad escape, or is not UTF-8'],
  ['/files?name=%ff', 'the query holds a bad escape, or is not UTF-8'],
  ['/files?name=\u00ff', 'the query holds a bad escape, or is not UTF-8'],
])('refuses %s', (target, detail) => {
  expect(() => parseQuery(schema, target)).toThrow(expect.objectContaining({ name: 'INVALID_REQUEST', detail }))
})
