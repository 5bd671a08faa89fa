/** Before each frame on a data connection: stream (8 bytes), length (4), whether it is the last (4). Big-endian. */
export const DATA_HEADER_BYTES = 16
/** What a manager says first on a data connection, and what it is answered: random, and told on the link before. */
export const DATA_KEY_BYTES = 32

export interface DataHeader {
  /** 16 hex digits. */
  readonly streamId: string
  readonly length: number
  readonly isLast: boolean
}

export function encodeDataHeader({ streamId, length, isLast }: DataHeader): Buffer {
  const header = Buffer.alloc(DATA_HEADER_BYTES)
  header.write(streamId, 'hex')
  header.writeUInt32BE(length, 8)
  header.writeUInt32BE(isLast ? 1 : 0, 12)
  return header
}

/** @returns null where the flag is neither 0 nor 1: these are no frames of ours. */
export function decodeDataHeader(header: Buffer): DataHeader | null {
  const flag = header.readUInt32BE(12)
  if (flag > 1) return null
  return { streamId: header.toString('hex', 0, 8), length: header.readUInt32BE(8), isLast: flag === 1 }
}
