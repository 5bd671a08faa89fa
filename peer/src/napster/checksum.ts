import { type Metainfo, readTorrent } from '@holdfast/shared/node/torrent/metainfo'
import { PeerError } from '../peer-error.ts'
import { makeTorrent, pieceLengthFor } from '../torrent/make-torrent.ts'

/** A song's checksum in the tracker says this: the digest of its bytes, and the torrent by which peers hand them over. */
export interface SongChecksum {
  readonly sha256: string
  readonly infoHash: string
}

export function checksumOf({ sha256, infoHash }: SongChecksum): string {
  return `sha256:${sha256}.btih:${infoHash}`
}

/** @throws PeerError where another program has published the song */
export function parseChecksum(checksum: string): SongChecksum {
  const [, sha256, infoHash] = /^sha256:([0-9a-f]{64})\.btih:([0-9a-f]{40})$/.exec(checksum) ?? []
  if (sha256 === undefined || infoHash === undefined)
    throw new PeerError('the song is shared by another program, and how that hands over bytes is not known here')
  return { sha256, infoHash }
}

/** The torrent follows from the bytes alone, so that all who have them share one swarm; its name is their digest. */
export function songTorrent(length: number, sha256: string, pieces: Buffer): Metainfo {
  return readTorrent(makeTorrent({ name: sha256, length, pieceLength: pieceLengthFor(length), pieces }, []))
}
