import { createHash } from 'node:crypto'
import { bencode } from '../bencode.ts'

/** What an info-hash is of. */
export interface TorrentInfo {
  readonly name: string
  readonly size: number
  readonly pieceLength: number
  /** 20 bytes a piece. */
  readonly pieces: Buffer
}

/** Where the bytes and those who have them are to be found. */
export interface TorrentPlaces {
  readonly trackers: readonly string[]
  /** The file's own URL, a web seed (BEP 19). */
  readonly webSeed: string
}

/** @returns 40 hex digits */
export function infoHashOf(info: TorrentInfo): string {
  return createHash('sha1')
    .update(bencode(infoOf(info)))
    .digest('hex')
}

/** @returns a `.torrent` (BEP 3), with a tier for each tracker (BEP 12) */
export function metainfoOf(info: TorrentInfo, { trackers, webSeed }: TorrentPlaces): Buffer {
  const [announce] = trackers
  return bencode({
    ...(announce !== undefined && { announce }),
    'announce-list': trackers.map((tracker) => [tracker]),
    'created by': 'Holdfast',
    info: infoOf(info),
    'url-list': [webSeed],
  })
}

/** @returns a magnet link (BEP 9), with the address of the `.torrent` for clients that find no peer to ask for it */
export function magnetOf(
  info: TorrentInfo,
  { trackers, webSeed, torrent }: TorrentPlaces & { readonly torrent: string },
): string {
  const fields = [
    `xt=urn:btih:${infoHashOf(info)}`,
    `dn=${encodeURIComponent(info.name)}`,
    `xl=${info.size}`,
    ...trackers.map((tracker) => `tr=${encodeURIComponent(tracker)}`),
    `ws=${encodeURIComponent(webSeed)}`,
    `xs=${encodeURIComponent(torrent)}`,
  ]
  return `magnet:?${fields.join('&')}`
}

function infoOf({ name, size, pieceLength, pieces }: TorrentInfo) {
  return { length: size, name, 'piece length': pieceLength, pieces }
}
