import { TorrentError, trackersIn, webSeedsIn } from './metainfo.ts'

/** A magnet link that was checked says this (BEP 9). */
export interface Magnet {
  readonly infoHash: string
  readonly trackers: readonly string[]
  readonly webSeeds: readonly string[]
  /** These are addresses of the torrent itself, for those who find nobody to ask for it. */
  readonly exactSources: readonly string[]
}

const MAX_MAGNET_LENGTH = 16 * 1024
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** @throws TorrentError that says what is wrong with it */
export function parseMagnet(text: string): Magnet {
  if (text.length > MAX_MAGNET_LENGTH) throw new TorrentError('the magnet link is longer than 16 KiB')
  const query = /^magnet:\?(.+)$/is.exec(text.trim())?.[1]
  if (query === undefined) throw new TorrentError('it is no magnet link: it does not begin with magnet:?')
  const fields = [...new URLSearchParams(query)]
  // Several fields of one name may be numbered.
  const valuesOf = (name: string): string[] =>
    fields.filter(([key]) => key.toLowerCase().replace(/\.\d+$/, '') === name).map(([, value]) => value)
  const topics = valuesOf('xt')
  const hashes = topics.map((topic) => /^urn:btih:(.+)$/i.exec(topic)?.[1]).filter((hash) => hash !== undefined)
  if (hashes.length === 0 && topics.some((topic) => /^urn:btmh:/i.test(topic)))
    throw new TorrentError('the magnet link is of BitTorrent v2 alone (btmh), which is not known here')
  const infoHash = hashes.map(hexOf).find((hash) => hash !== null)
  if (infoHash === undefined || infoHash === null)
    throw new TorrentError('the magnet link has no info-hash (xt=urn:btih:, 40 hexadecimal digits or 32 of base32)')
  return {
    infoHash,
    trackers: trackersIn(valuesOf('tr')),
    webSeeds: webSeedsIn(valuesOf('ws')),
    exactSources: webSeedsIn([...valuesOf('xs'), ...valuesOf('as')]),
  }
}

function hexOf(hash: string): string | null {
  if (/^[0-9a-f]{40}$/i.test(hash)) return hash.toLowerCase()
  if (!/^[a-z2-7]{32}$/i.test(hash)) return null
  const bits = [...hash.toUpperCase()].map((digit) => BASE32.indexOf(digit).toString(2).padStart(5, '0')).join('')
  return bits.replace(/.{4}/g, (four) => Number.parseInt(four, 2).toString(16))
}
