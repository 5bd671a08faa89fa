import type { z } from 'zod'
import type { ErrorName } from '../errors/error-table.ts'
import { StoreError } from '../errors/store-error.ts'

/** A message, or an ack, travels in two pieces: what JSON can say of it, and its field `bytes`, if it has one. */
export interface Parcel {
  readonly rest: unknown
  readonly bytes: Uint8Array | null
}

export function pack(message: object): Parcel {
  const { bytes = null, ...rest } = message as { bytes?: Uint8Array }
  return { rest, bytes }
}

/**
 * Puts a message together and parses it.
 * @param bytes whatever came in their place; null or undefined where nothing did
 * @throws StoreError that says what is wrong and where
 */
export function unpack<T>(schema: z.ZodType<T>, rest: unknown, bytes: unknown, errorName: ErrorName): T {
  const isWhole = bytes == null || typeof rest !== 'object' || rest === null || Array.isArray(rest)
  return parse(schema, isWhole ? rest : { bytes, ...rest }, errorName)
}

/**
 * @param errorName INVALID_REQUEST for a command; BAD_ANSWER for an ack, which is the other side's fault and not that of
 * whoever asked
 * @throws StoreError of that name
 */
export function parse<T>(schema: z.ZodType<T>, value: unknown, errorName: ErrorName): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const [issue] = result.error.issues
  throw new StoreError(errorName, `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'malformed'}`.slice(0, 300))
}
