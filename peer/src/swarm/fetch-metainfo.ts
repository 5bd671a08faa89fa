import { once } from 'node:events'
import type { Logger } from '@holdfast/shared/node/logger'
import { type Metainfo, readTorrent } from '@holdfast/shared/node/torrent/metainfo'
import type { ChunkStore } from 'webtorrent'
import { PeerError } from '../peer-error.ts'
import { watchSources } from './sources.ts'
import type { SwarmClient } from './swarm-client.ts'
import { type FoundPeer, type PeerFinder, peerAdder } from './trackers/peer-finder.ts'

/** The torrent ends when its info is there, before anything is put. */
class NoStore implements ChunkStore {
  readonly chunkLength: number
  constructor(chunkLength: number) {
    this.chunkLength = chunkLength
  }
  put(_index: number, _bytes: Uint8Array, done: (error?: Error | null) => void): void {
    done(new Error('nothing is stored here'))
  }
  get(_index: number, options: unknown, done?: (error: Error | null) => void): void {
    const answer = typeof options === 'function' ? options : done
    answer?.(new Error('nothing is stored here'))
  }
  close(done: () => void = () => undefined): void {
    queueMicrotask(done)
  }
  destroy(done: () => void = () => undefined): void {
    queueMicrotask(done)
  }
}

export interface MetainfoDeps {
  readonly swarm: SwarmClient
  readonly log: Logger
}

export interface MetainfoWish {
  readonly infoHash: string
  readonly isUdpOnly: boolean
  /** Starts what looks for those who may know. */
  readonly findPeers: (onPeers: (peers: readonly FoundPeer[]) => void) => readonly PeerFinder[]
}

/** Asks peers what the pieces of a torrent are (BEP 9), and further ones until somebody tells. @throws what the signal says */
export async function fetchMetainfo(
  { swarm, log }: MetainfoDeps,
  { infoHash, isUdpOnly, findPeers }: MetainfoWish,
  signal: AbortSignal,
): Promise<Metainfo> {
  if (swarm.has(infoHash)) throw new PeerError('the torrent is being loaded already')
  // Nothing but the info-hash, for webtorrent itself would go wherever a link leads.
  const torrent = swarm.add(`magnet:?xt=urn:btih:${infoHash}`, { store: NoStore })
  let finders: readonly PeerFinder[] = []
  try {
    watchSources(torrent, { banned: swarm.banned, isUdpOnly, log })
    const failed = once(torrent, 'error', { signal }).then(([error]) => Promise.reject(error))
    failed.catch(() => undefined)
    const told = new Promise<Uint8Array>((resolve) => {
      torrent.once('metadata', () => {
        resolve(torrent.torrentFile)
        torrent.destroy()
      })
    })
    if (torrent.infoHash === undefined) await once(torrent, 'infoHash', { signal })
    finders = findPeers(peerAdder(swarm, torrent, isUdpOnly))
    const metainfo = readTorrent(await Promise.race([told, failed]))
    if (metainfo.infoHash !== infoHash) throw new PeerError('what peers tell of the torrent has another info-hash')
    return metainfo
  } finally {
    if (!torrent.destroyed) torrent.destroy()
    await Promise.all(finders.map((finder) => finder.close()))
  }
}
