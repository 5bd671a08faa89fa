import { createHash } from 'node:crypto'
import { type Bencodable, encodeBencode } from '@holdfast/shared/node/torrent/bencode'
import type { Merkle } from './merkle-hasher.ts'

/** The info-hashes follow from this. */
export interface TorrentInfo {
  readonly name: string
  readonly size: number
  readonly pieceLength: number
  /** It has 20 bytes a piece. */
  readonly pieces: Buffer
  /** Makes the torrent a hybrid, which is of both versions at once (BEP 52). It is another torrent than the one without. */
  readonly merkle: Merkle | null
}

/** Tells where the bytes and those who have them are to be found. */
export interface TorrentPlaces {
  readonly trackers: readonly string[]
  /** This is the file's own URL, a web seed (BEP 19). */
  readonly webSeed: string
}

const INFO_HASH_DIGITS = 40
/** A magnet link has this before a SHA-256, which makes a multihash of it. */
const SHA256_OF_32_BYTES = '1220'

/** @returns in 40 hex digits each what peers announce: the info-hash, and of a hybrid the beginning of its second one */
export function trackedHashesOf(info: TorrentInfo): string[] {
  const bytes = infoBytesOf(info)
  const first = hexDigest('sha1', bytes)
  return info.merkle === null ? [first] : [first, hexDigest('sha256', bytes).slice(0, INFO_HASH_DIGITS)]
}

/** @returns the metadata that peers give each other (BEP 9), of which the info-hashes are */
export function infoBytesOf(info: TorrentInfo): Buffer {
  return encodeBencode(infoOf(info))
}

/** @returns a `.torrent` (BEP 3), with a tier for each tracker (BEP 12) */
export function metainfoOf(info: TorrentInfo, { trackers, webSeed }: TorrentPlaces): Buffer {
  const [announce] = trackers
  return encodeBencode({
    ...(announce !== undefined && { announce }),
    'announce-list': trackers.map((tracker) => [tracker]),
    'created by': 'Holdfast',
    info: infoOf(info),
    ...(info.merkle !== null && { 'piece layers': pieceLayersOf(info.merkle) }),
    'url-list': [webSeed],
  })
}

/** @returns a magnet link (BEP 9), with the address of the `.torrent` for clients that find no peer to ask for it */
export function magnetOf(
  info: TorrentInfo,
  { trackers, webSeed, torrent, peer }: TorrentPlaces & { readonly torrent: string; readonly peer: string | null },
): string {
  const bytes = infoBytesOf(info)
  const fields = [
    `xt=urn:btih:${hexDigest('sha1', bytes)}`,
    ...(info.merkle === null ? [] : [`xt=urn:btmh:${SHA256_OF_32_BYTES}${hexDigest('sha256', bytes)}`]),
    `dn=${encodeURIComponent(info.name)}`,
    `xl=${info.size}`,
    ...trackers.map((tracker) => `tr=${encodeURIComponent(tracker)}`),
    `ws=${encodeURIComponent(webSeed)}`,
    `xs=${encodeURIComponent(torrent)}`,
    // Clients read it as it stands.
    ...(peer === null ? [] : [`x.pe=${peer}`]),
  ]
  return `magnet:?${fields.join('&')}`
}

function infoOf({ name, size, pieceLength, pieces, merkle }: TorrentInfo): Bencodable {
  const info = { length: size, name, 'piece length': pieceLength, pieces }
  if (merkle === null) return info
  const file = { length: size, 'pieces root': merkle.root }
  const key = Buffer.from(name).toString('latin1')
  return { ...info, 'file tree': { [key]: { '': file } }, 'meta version': 2 }
}

/** A file of one piece has no layer, for its root stands for the piece. */
function pieceLayersOf({ root, layer }: Merkle): Bencodable {
  return layer.length === 0 ? {} : { [root.toString('latin1')]: layer }
}

function hexDigest(algorithm: 'sha1' | 'sha256', bytes: Buffer): string {
  return createHash(algorithm).update(bytes).digest('hex')
}
