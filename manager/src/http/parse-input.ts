import { StoreError } from '@holdfast/shared/errors/store-error'
import type { z } from 'zod'

const MAX_DETAIL_LENGTH = 200

/**
 * Parses what a client sent. A schema may refuse with a StoreError of its own.
 * @throws INVALID_REQUEST with the field that is wrong and why
 */
export function parseInput<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const parsed = schema.safeParse(input)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new StoreError('INVALID_REQUEST', issue === undefined ? undefined : sentenceOf(issue))
}

function sentenceOf({ path, message }: z.core.$ZodIssue): string {
  const reason = message.charAt(0).toLowerCase() + message.slice(1)
  return `${path.length === 0 ? '' : `${path.join('.')}: `}${reason}`.slice(0, MAX_DETAIL_LENGTH)
}
