import { StoreError } from '@holdfast/shared/errors/store-error'

const HASH_BYTES = 20
const MAX_VALUES = 100

/** What stands in a query whose values may be any bytes, as info-hashes are. */
export type BinaryQuery = ReadonlyMap<string, readonly Buffer[]>

/** @param target as `node:http` gives it, one character a byte. @throws INVALID_REQUEST */
export function parseBinaryQuery(target: string): BinaryQuery {
  const start = target.indexOf('?')
  const pairs = start < 0 ? [] : target.slice(start + 1).split('&')
  if (pairs.length > MAX_VALUES) throw new StoreError('INVALID_REQUEST', 'the query has too many values')
  const query = new Map<string, Buffer[]>()
  for (const pair of pairs) {
    const [name = ''] = pair.split('=', 1)
    const values = query.get(name) ?? []
    query.set(name, values)
    values.push(bytesOf(pair.slice(name.length + 1)))
  }
  return query
}

/** @returns info-hashes in hexadecimal. @throws INVALID_REQUEST */
export function infoHashesIn(query: BinaryQuery): string[] {
  const hashes = query.get('info_hash') ?? []
  if (hashes.length === 0) throw new StoreError('INVALID_REQUEST', 'info_hash is missing')
  if (hashes.some((hash) => hash.length !== HASH_BYTES))
    throw new StoreError('INVALID_REQUEST', 'info_hash must have 20 bytes')
  return hashes.map((hash) => hash.toString('hex'))
}

export function textIn(query: BinaryQuery, name: string): string | undefined {
  return query.get(name)?.[0]?.toString('latin1')
}

/** @throws INVALID_REQUEST where it is none */
export function numberIn(query: BinaryQuery, name: string): number | undefined {
  const text = textIn(query, name)
  if (text === undefined || text === '') return undefined
  if (!/^-?\d{1,20}$/.test(text)) throw new StoreError('INVALID_REQUEST', `${name} must be a whole number`)
  return Number(text)
}

function bytesOf(text: string): Buffer {
  const plain = text
    .replaceAll('+', ' ')
    .replace(/%([0-9a-f]{2})/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))
  return Buffer.from(plain, 'latin1')
}
