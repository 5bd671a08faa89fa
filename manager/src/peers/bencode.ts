/** What BEP 3 calls bencoding has whole numbers, byte strings, lists and dictionaries. A text is its UTF-8. */
export type Bencodable = number | string | Buffer | readonly Bencodable[] | { readonly [key: string]: Bencodable }

/** @param value keys of dictionaries are Latin-1, one character a byte, so that an info-hash can be one */
export function bencode(value: Bencodable): Buffer {
  return Buffer.from(textOf(value), 'latin1')
}

/** @returns one character a byte: one long text is made faster than many small buffers */
function textOf(value: Bencodable): string {
  if (typeof value === 'number') return `i${Math.trunc(value)}e`
  if (typeof value === 'string') return bytesOf(Buffer.from(value).toString('latin1'))
  if (Buffer.isBuffer(value)) return bytesOf(value.toString('latin1'))
  if (isList(value)) return `l${value.map(textOf).join('')}e`
  const sorted = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1))
  return `d${sorted.map(([key, item]) => bytesOf(key) + textOf(item)).join('')}e`
}

function bytesOf(text: string): string {
  return `${text.length}:${text}`
}

function isList(value: Bencodable): value is readonly Bencodable[] {
  return Array.isArray(value)
}
