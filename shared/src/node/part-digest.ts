import { type CipherGCM, createCipheriv, createHash, hash } from 'node:crypto'
import type { PartKey } from '../ids.ts'

/** A part's tag has so many bytes. */
export const PART_TAG_BYTES = 16

export const NO_TAGS = new Uint8Array(0)

/** A part is digested by SHA-256, or to a tag with its file's key, which takes a tenth of the time. */
export type PartMethod = 'sha256' | PartTagging

export interface PartTagging {
  readonly key: PartKey
  /** This is the chunk's place in the document that has the key, from 0. */
  readonly chunk: number
  /** This is the part's place in its chunk, from 0. */
  readonly index: number
}

/** Digests the bytes of one part as they pass. */
export interface PartDigester {
  update(bytes: Uint8Array): void
  /** Ends the digester. @returns 32 bytes of SHA-256, or a tag of 16 */
  digest(): Buffer
}

export function startPart(method: PartMethod): PartDigester {
  return method === 'sha256' ? createHash('sha256') : new PartTag(method)
}

/** Digests a whole part at once, as `startPart` does piece by piece. */
export function digestPart(method: PartMethod, bytes: Uint8Array): Buffer {
  if (method === 'sha256') return hash('sha256', bytes, 'buffer')
  const tag = new PartTag(method)
  tag.update(bytes)
  return tag.digest()
}

/**
 * Tags are GMACs (NIST SP 800-38D): AES-GCM of nothing, with the part as what is authenticated beside it. The nonce says
 * which part of which chunk it is, so that parts that have changed places differ too. It never repeats under a key, for a key
 * belongs to one document of chunks, whose bytes never change.
 */
class PartTag implements PartDigester {
  readonly #cipher: CipherGCM

  constructor({ key, chunk, index }: PartTagging) {
    const nonce = Buffer.alloc(12)
    nonce.writeUInt32BE(chunk, 4)
    nonce.writeUInt32BE(index, 8)
    this.#cipher = createCipheriv('aes-128-gcm', Buffer.from(key, 'hex'), nonce)
  }

  update(bytes: Uint8Array): void {
    this.#cipher.setAAD(bytes)
  }

  digest(): Buffer {
    this.#cipher.final()
    return this.#cipher.getAuthTag()
  }
}
