import { encodeBencode } from '@holdfast/shared/node/torrent/bencode'

/** Describes one file. The same description has the same info-hash everywhere. */
export interface SingleFile {
  readonly name: string
  readonly length: number
  readonly pieceLength: number
  readonly pieces: Buffer
}

/** @returns a `.torrent` (BEP 3) of one file. @param trackers have a tier each (BEP 12) */
export function makeTorrent({ name, length, pieceLength, pieces }: SingleFile, trackers: readonly string[]): Buffer {
  const [announce] = trackers
  return encodeBencode({
    ...(announce !== undefined && { announce, 'announce-list': trackers.map((tracker) => [tracker]) }),
    'created by': 'Holdfast',
    info: { length, name, 'piece length': pieceLength, pieces },
  })
}

/** @returns a power of two that makes some 1,000 pieces of a file, from 256 KiB to 16 MiB */
export function pieceLengthFor(size: number): number {
  const wanted = 2 ** Math.ceil(Math.log2(Math.max(size, 1) / 1_024))
  return Math.min(Math.max(wanted, 256 * 1024), 16 * 1024 ** 2)
}
