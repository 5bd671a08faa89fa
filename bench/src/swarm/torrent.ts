import { createHash } from 'node:crypto'
import { type BenchFile, contentOf } from '../contents.ts'

/** The peer chooses this size for 1 GiB. */
const PIECE_BYTES = 1024 ** 2

/** Holds the torrent of a file whose bytes are those of `contentOf` (BEP 3), but for its tracker. */
export interface TorrentInfo {
  readonly bencoded: Buffer
  /** This is the digest of the whole file, in hex. */
  readonly sha256: string
}

export function infoOf(file: BenchFile): TorrentInfo {
  const whole = createHash('sha256')
  const digests: Buffer[] = []
  let piece = createHash('sha1')
  let room = PIECE_BYTES
  for (let rest of contentOf(file)) {
    whole.update(rest)
    while (rest.length > 0) {
      const taken = rest.subarray(0, room)
      piece.update(taken)
      room -= taken.length
      rest = rest.subarray(taken.length)
      if (room > 0) continue
      digests.push(piece.digest())
      piece = createHash('sha1')
      room = PIECE_BYTES
    }
  }
  if (room < PIECE_BYTES) digests.push(piece.digest())
  const head = `d6:lengthi${file.sizeBytes}e4:name${text(file.name)}12:piece lengthi${PIECE_BYTES}e6:pieces${20 * digests.length}:`
  return { bencoded: Buffer.concat([Buffer.from(head), ...digests, Buffer.from('e')]), sha256: whole.digest('hex') }
}

export function torrentOf({ bencoded }: TorrentInfo, tracker: string): Buffer {
  return Buffer.concat([Buffer.from(`d8:announce${text(tracker)}4:info`), bencoded, Buffer.from('e')])
}

/** @returns what a tracker answers that names these ports of this machine (BEP 23) */
export function announceAnswer(ports: readonly number[]): Buffer {
  const peers = Buffer.alloc(6 * ports.length)
  for (const [index, port] of ports.entries()) {
    peers.set([127, 0, 0, 1], 6 * index)
    peers.writeUInt16BE(port, 6 * index + 4)
  }
  return Buffer.concat([Buffer.from(`d8:intervali1800e5:peers${peers.length}:`), peers, Buffer.from('e')])
}

function text(value: string): string {
  return `${Buffer.byteLength(value)}:${value}`
}
