import { StoreError } from '@holdfast/shared/errors/store-error'
import type { z } from 'zod'
import { parseInput } from './parse-input.ts'

/**
 * Parses the query of a request's target, whose values are texts. A `+` means a space, as forms write it.
 * @param target as `node:http` gives it, one character a byte
 * @throws INVALID_REQUEST
 */
export function parseQuery<Schema extends z.ZodType>(schema: Schema, target: string): z.output<Schema> {
  const fields = new Map<string, string>()
  for (const [key, value] of pairsIn(queryOf(target))) {
    if (fields.has(key)) throw new StoreError('INVALID_REQUEST', `${key.slice(0, 100)} is given twice`)
    fields.set(key, value)
  }
  return parseInput(schema, Object.fromEntries(fields))
}

/** @returns what stands behind the question mark */
export function queryOf(target: string): string {
  const start = target.indexOf('?')
  return start < 0 ? '' : target.slice(start + 1)
}

/**
 * Gives the fields of a query, or of a form that is written as one, in their order.
 * @param text one character a byte
 * @throws INVALID_REQUEST
 */
export function* pairsIn(text: string): Generator<[name: string, value: string]> {
  for (const pair of text.split('&')) {
    if (pair === '') continue
    const [name = ''] = pair.split('=', 1)
    yield [decode(name), decode(pair.slice(name.length + 1))]
  }
}

function decode(text: string): string {
  // Some clients send UTF-8 unescaped. It is escaped here, so that the next step decodes it with the rest.
  const escaped = text
    .replaceAll('+', '%20')
    .replace(/[\u0080-\u00ff]/g, (character) => `%${character.charCodeAt(0).toString(16)}`)
  try {
    return decodeURIComponent(escaped)
  } catch (error) {
    throw new StoreError('INVALID_REQUEST', 'the query holds a bad escape, or is not UTF-8', { cause: error })
  }
}
