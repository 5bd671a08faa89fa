/** Before each frame on a data connection: stream (8 bytes), number (4), length with the flag of the last in its top bit (4). Big-endian. */
export const DATA_HEADER_BYTES = 16
/** What a manager says first on a data connection, and what it is answered: random, and told on the link before. */
export const DATA_KEY_BYTES = 32

const LAST_FLAG = 2 ** 31

export interface DataHeader {
  /** 16 hex digits. */
  readonly streamId: string
  /** 0, 1, 2, … A command that arrives twice sends every frame twice: one that was there is read away. */
  readonly seq: number
  /** Under 2 GiB. */
  readonly length: number
  readonly isLast: boolean
}

export function encodeDataHeader({ streamId, seq, length, isLast }: DataHeader): Buffer {
  const header = Buffer.alloc(DATA_HEADER_BYTES)
  header.write(streamId, 'hex')
  header.writeUInt32BE(seq, 8)
  header.writeUInt32BE(length + (isLast ? LAST_FLAG : 0), 12)
  return header
}

export function decodeDataHeader(header: Buffer): DataHeader {
  const lengthAndFlag = header.readUInt32BE(12)
  return {
    streamId: header.toString('hex', 0, 8),
    seq: header.readUInt32BE(8),
    length: lengthAndFlag % LAST_FLAG,
    isLast: lengthAndFlag >= LAST_FLAG,
  }
}
