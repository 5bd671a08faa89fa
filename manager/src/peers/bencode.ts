/** What BEP 3 calls bencoding has whole numbers, byte strings, lists and dictionaries. A text is its UTF-8. */
export type Bencodable = number | string | Buffer | readonly Bencodable[] | { readonly [key: string]: Bencodable }

/** @param value keys of dictionaries are Latin-1, one character a byte, so that an info-hash can be one */
export function bencode(value: Bencodable): Buffer {
  const pieces: Buffer[] = []
  write(value, pieces)
  return Buffer.concat(pieces)
}

function write(value: Bencodable, pieces: Buffer[]): void {
  if (typeof value === 'number') pieces.push(Buffer.from(`i${Math.trunc(value)}e`))
  else if (typeof value === 'string') writeBytes(Buffer.from(value), pieces)
  else if (Buffer.isBuffer(value)) writeBytes(value, pieces)
  else if (isList(value)) {
    pieces.push(Buffer.from('l'))
    for (const item of value) write(item, pieces)
    pieces.push(Buffer.from('e'))
  } else {
    pieces.push(Buffer.from('d'))
    const sorted = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1))
    for (const [key, item] of sorted) {
      writeBytes(Buffer.from(key, 'latin1'), pieces)
      write(item, pieces)
    }
    pieces.push(Buffer.from('e'))
  }
}

function writeBytes(bytes: Buffer, pieces: Buffer[]): void {
  pieces.push(Buffer.from(`${bytes.length}:`), bytes)
}

function isList(value: Bencodable): value is readonly Bencodable[] {
  return Array.isArray(value)
}
