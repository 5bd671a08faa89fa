import { isUtf8 } from 'node:buffer'
import { fileTypeFromBuffer } from 'file-type'
import { filetypeinfo } from 'magic-bytes.js'
import { lookup, types } from 'mime-types'

const FALLBACK_TYPE = 'application/octet-stream'

/** A verdict needs at most so many of a file's first bytes. */
const SNIFF_BYTES = 4_100
/** So many of them show whether there is anything to know, for every signature begins in these. */
const QUICK_BYTES = 512

/** So many of them have to be UTF-8 before a text is said to be, for much of another encoding begins with plain ASCII. */
const CHARSET_BYTES = 64 * 1024

/** The table of types would keep every name that it is asked for, so a name of random digits is not looked up. */
const LONGEST_ENDING = Math.max(...Object.keys(types).map(({ length }) => length))

/**
 * Goes by the name's ending, else by the first bytes, else calls it an octet-stream.
 * @param headOf gives as many of the first bytes as it is asked for, or all there are
 */
export async function contentTypeOf(name: string, headOf: (length: number) => Buffer): Promise<string> {
  const base = name.slice(name.lastIndexOf('/') + 1)
  const mayBeNamed = base.length - base.lastIndexOf('.') - 1 <= LONGEST_ENDING
  const byName = mayBeNamed && lookup(base)
  if (byName !== false) return withCharset(byName, headOf)
  const quick = headOf(QUICK_BYTES)
  if (quick.length === 0) return FALLBACK_TYPE
  // The quick look says whether there is anything to know; the thorough one, ten times as long, tells containers apart.
  const mayBeKnown = filetypeinfo(quick).length > 0
  if (!mayBeKnown && !isText(quick)) return FALLBACK_TYPE
  const head = headOf(SNIFF_BYTES)
  const byBytes = mayBeKnown ? await fileTypeFromBuffer(head) : undefined
  if (byBytes !== undefined) return withCharset(byBytes.mime, headOf)
  return isText(head) ? withCharset('text/plain', headOf) : FALLBACK_TYPE
}

/** Browsers show text without a charset by their own guess, and never look whether one that is named is true. */
function withCharset(type: string, headOf: (length: number) => Buffer): string {
  return type.startsWith('text/') && isText(headOf(CHARSET_BYTES)) ? `${type}; charset=utf-8` : type
}

/** A zero byte is in no text of UTF-8, but in most of UTF-16. */
function isText(head: Buffer): boolean {
  return !head.includes(0) && isUtf8(withoutCutCharacter(head))
}

/** A character of UTF-8 has at most 4 bytes: the first one says how many, and those after it begin with the bits 10. */
function withoutCutCharacter(head: Buffer): Buffer {
  for (let back = 1; back <= Math.min(3, head.length); back++) {
    const byte = head[head.length - back] ?? 0
    if (byte < 0x80) break
    if (byte < 0xc0) continue
    const length = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4
    return length > back ? head.subarray(0, head.length - back) : head
  }
  return head
}
