import { crc32 } from 'node:zlib'
import { StartError } from '@holdfast/shared/node/run-service'

/**
 * A segment has this at its start. Each use of it has a new generation and a new salt, so that older frames do not fit.
 */
export interface SegmentHeader {
  readonly generation: number
  /** These 8 random bytes stand in every frame of the generation. */
  readonly salt: Buffer
}

/** Frames begin at this offset. */
export const SEGMENT_START = 4_096
export const SALT_BYTES = 8
const MAGIC = Buffer.from('HFJOURNL')
/** It is never 0, which is what a torn write may leave. */
const FORMAT = 2
/** The header has two copies in sectors of their own, written in turn, so that a torn one leaves the other. */
const COPY_BYTES = 512
const AT = { format: 8, generation: 12, salt: 24, crc: 32 }
const END = 36

/** @returns the sector as it is written, and where it goes. */
export function encodeHeader({ generation, salt }: SegmentHeader, copy: 0 | 1): { bytes: Buffer; position: number } {
  const bytes = Buffer.alloc(COPY_BYTES)
  MAGIC.copy(bytes)
  bytes.writeUInt32BE(FORMAT, AT.format)
  bytes.writeUIntBE(generation, AT.generation, 6)
  salt.copy(bytes, AT.salt)
  bytes.writeUInt32BE(crc32(bytes.subarray(0, AT.crc)), AT.crc)
  return { bytes, position: copy * COPY_BYTES }
}

/** @returns the newer of the two copies that are whole. @throws StartError */
export function decodeHeader(source: Buffer, path: string): SegmentHeader & { readonly copy: 0 | 1 } {
  const found = ([0, 1] as const).flatMap((copy) => {
    const bytes = source.subarray(copy * COPY_BYTES, (copy + 1) * COPY_BYTES)
    if (bytes.length < END || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return []
    const format = bytes.readUInt32BE(AT.format)
    if (format !== FORMAT && format !== 0)
      throw new StartError(`${path} says format ${format}, and this version reads format ${FORMAT}`)
    if (bytes.readUInt32BE(AT.crc) !== crc32(bytes.subarray(0, AT.crc))) return []
    const salt = Buffer.from(bytes.subarray(AT.salt, AT.salt + SALT_BYTES))
    return [{ generation: bytes.readUIntBE(AT.generation, 6), salt, copy }]
  })
  const newest = found.sort((a, b) => b.generation - a.generation)[0]
  if (newest === undefined) throw new StartError(`${path} is damaged: move it away to start without what it holds`)
  return newest
}
