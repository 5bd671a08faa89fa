import { isUtf8 } from 'node:buffer'
import { fileTypeFromBuffer } from 'file-type'
import { filetypeinfo } from 'magic-bytes.js'
import { lookup, types } from 'mime-types'

const FALLBACK_TYPE = 'application/octet-stream'

/** A verdict needs at most so many of a file's first bytes. */
const SNIFF_BYTES = 4_100
/** Fewer of them show whether there is anything to know, for every signature begins in these. */
const QUICK_BYTES = 512

/** A text is said to be UTF-8 when its first bytes are, up to this many, for much of another encoding begins with plain ASCII. */
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
  // This comes before the signatures, because that of MPEG audio begins like this too.
  if (beginsAsUtf16(quick)) return 'text/plain'
  // The quick look says whether there is anything to know; the thorough one, ten times as long, tells containers apart.
  const mayBeKnown = filetypeinfo(quick).length > 0
  if (!mayBeKnown && !isText(headOf, QUICK_BYTES)) return FALLBACK_TYPE
  const byBytes = mayBeKnown ? await fileTypeFromBuffer(headOf(SNIFF_BYTES)) : undefined
  if (byBytes !== undefined) return withCharset(byBytes.mime, headOf)
  return isText(headOf, SNIFF_BYTES) ? withCharset('text/plain', headOf) : FALLBACK_TYPE
}

/** Browsers show text without a charset by their own guess, and never look whether one that is named is true. */
function withCharset(type: string, headOf: (length: number) => Buffer): string {
  return type.startsWith('text/') && isText(headOf, CHARSET_BYTES) ? `${type}; charset=utf-8` : type
}

/** @returns whether the bytes begin with the byte order mark of UTF-16, by which browsers read it */
function beginsAsUtf16(head: Buffer): boolean {
  const mark = head.toString('hex', 0, 2)
  return mark === 'fffe' || mark === 'feff'
}

/**
 * Judges by so many of the first bytes whether a file is text in UTF-8. A zero byte is in no such text, but in most of
 * UTF-16.
 */
function isText(headOf: (length: number) => Buffer, length: number): boolean {
  const head = headOf(length)
  // Nothing is cut of a file that is shorter, so what looks like a cut character is a letter of another encoding.
  return !head.includes(0) && isUtf8(head.length < length ? head : withoutCutCharacter(head))
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
