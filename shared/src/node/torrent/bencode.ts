import bencode from 'bencode'

/** Writes what BEP 3 calls bencoding: whole numbers, texts as UTF-8, bytes, lists and dictionaries. */
export function encodeBencode(value: unknown): Buffer {
  return Buffer.from(bencode.encode(value))
}

/** @returns byte strings as `Uint8Array`, also where they are texts. @throws where the bytes are not bencoded */
export function decodeBencode(bytes: Uint8Array): unknown {
  return bencode.decode(bytes)
}
