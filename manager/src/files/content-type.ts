import { fileTypeFromBuffer } from 'file-type'
import { filetypeinfo } from 'magic-bytes.js'
import { lookup } from 'mime-types'

const FALLBACK_TYPE = 'application/octet-stream'

/** How many of a file's first bytes a verdict needs. */
export const SNIFF_BYTES = 4_100

/** By the name's ending, else by the first bytes, else octet-stream. */
export async function contentTypeOf(name: string, head: Buffer): Promise<string> {
  const byName = lookup(name.slice(name.lastIndexOf('/') + 1))
  if (byName !== false) return withCharset(byName)
  if (head.length === 0) return FALLBACK_TYPE
  // The quick look says whether there is anything to know; the thorough one, ten times as long, tells containers apart.
  const byBytes = filetypeinfo(head).length > 0 ? await fileTypeFromBuffer(head) : undefined
  if (byBytes !== undefined) return withCharset(byBytes.mime)
  return isText(head) ? 'text/plain; charset=utf-8' : FALLBACK_TYPE
}

function withCharset(type: string): string {
  return type.startsWith('text/') ? `${type}; charset=utf-8` : type
}

function isText(head: Buffer): boolean {
  if (head.includes(0)) return false
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true })
    return true
  } catch {
    return false
  }
}
