import { StoreError } from '@holdfast/shared/errors/store-error'

const HASH_BYTES = 20
const MAX_VALUES = 100

/** Keeps what stands in a query as it was sent, for most values are never asked for. */
export type RawQuery = ReadonlyMap<string, readonly string[]>

/** @param target as `node:http` gives it, one character a byte. @throws INVALID_REQUEST */
export function parseRawQuery(target: string): RawQuery {
  const start = target.indexOf('?')
  const pairs = start < 0 ? [] : target.slice(start + 1).split('&')
  if (pairs.length > MAX_VALUES) throw new StoreError('INVALID_REQUEST', 'the query has too many values')
  const query = new Map<string, string[]>()
  for (const pair of pairs) {
    const end = pair.indexOf('=')
    const name = end < 0 ? pair : pair.slice(0, end)
    const value = end < 0 ? '' : pair.slice(end + 1)
    const values = query.get(name)
    if (values === undefined) query.set(name, [value])
    else values.push(value)
  }
  return query
}

/** @returns values that may be any bytes */
export function bytesIn(query: RawQuery, name: string): Buffer[] {
  return (query.get(name) ?? []).map(bytesOf)
}

/** @returns info-hashes in hexadecimal. @throws INVALID_REQUEST */
export function infoHashesIn(query: RawQuery): string[] {
  const hashes = bytesIn(query, 'info_hash')
  if (hashes.length === 0) throw new StoreError('INVALID_REQUEST', 'info_hash is missing')
  if (hashes.some((hash) => hash.length !== HASH_BYTES))
    throw new StoreError('INVALID_REQUEST', 'info_hash must have 20 bytes')
  return hashes.map((hash) => hash.toString('hex'))
}

export function textIn(query: RawQuery, name: string): string | undefined {
  const [raw] = query.get(name) ?? []
  return raw !== undefined && /[%+]/.test(raw) ? bytesOf(raw).toString('latin1') : raw
}

/** @throws INVALID_REQUEST where it is none */
export function numberIn(query: RawQuery, name: string): number | undefined {
  const text = textIn(query, name)
  if (text === undefined || text === '') return undefined
  if (!/^-?\d{1,20}$/.test(text)) throw new StoreError('INVALID_REQUEST', `${name} must be a whole number`)
  return Number(text)
}

const [PLUS, SPACE, PERCENT] = [0x2b, 0x20, 0x25]

/** A `%` that no two hexadecimal digits follow stands for itself. */
function bytesOf(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  let length = 0
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes.readUInt8(at)
    const escaped = byte === PERCENT ? 16 * digitOf(bytes[at + 1]) + digitOf(bytes[at + 2]) : Number.NaN
    const isEscaped = !Number.isNaN(escaped)
    // What is written lies before what is still to be read.
    bytes.writeUInt8(isEscaped ? escaped : byte === PLUS ? SPACE : byte, length++)
    if (isEscaped) at += 2
  }
  return bytes.subarray(0, length)
}

/** @returns the value of a hexadecimal digit, or NaN */
function digitOf(code = 0): number {
  if (code >= 48 && code <= 57) return code - 48
  const lower = code | 32
  return lower >= 97 && lower <= 102 ? lower - 87 : Number.NaN
}
