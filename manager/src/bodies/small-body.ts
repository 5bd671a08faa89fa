import type { IncomingMessage } from 'node:http'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { BoundedBytes, decodeUtf8 } from './bounded-bytes.ts'
import { type RequestBytesOptions, readRequestBytes } from './request-bytes.ts'

const MAX_BYTES = 16 * 1024
const WHAT = 'the body'

/** Reads a body of up to 16 KiB as a whole. @throws INVALID_REQUEST, REQUEST_TIMEOUT, CANCELLED */
export async function readSmallBody(request: IncomingMessage, options: RequestBytesOptions): Promise<Uint8Array> {
  const bytes = new BoundedBytes(MAX_BYTES, WHAT)
  for await (const chunk of readRequestBytes(request, options)) bytes.append(chunk)
  return bytes.view()
}

/** @returns the fields of a JSON object. @throws INVALID_REQUEST where the bytes are none */
export function readJsonObject(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = JSON.parse(decodeUtf8(bytes, WHAT))
  } catch (error) {
    throw new StoreError('INVALID_REQUEST', 'the body is not JSON', { cause: error })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new StoreError('INVALID_REQUEST', 'the body is not a JSON object')
  return value as Record<string, unknown>
}
