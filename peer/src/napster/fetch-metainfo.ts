import { once } from 'node:events'
import type { Logger } from '@holdfast/shared/node/logger'
import type { ChunkStore } from 'webtorrent'
import { PeerError, reasonOf } from '../peer-error.ts'
import { type FoundPeer, type PeerFinder, peerAdder } from '../swarm/peer-finder.ts'
import { watchSources } from '../swarm/sources.ts'
import type { SwarmClient } from '../swarm/swarm-client.ts'
import { type Metainfo, readTorrent } from '../torrent/metainfo.ts'
import type { SongChecksum } from './checksum.ts'

const PATIENCE_MS = 30_000

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

/** Asks users over uTP what the pieces of a song are (BEP 9), and further ones until somebody tells. @throws PeerError where none of them tells in time */
export async function fetchMetainfo(
  { swarm, log }: { readonly swarm: SwarmClient; readonly log: Logger },
  { infoHash, sha256 }: SongChecksum,
  findUsers: (onPeers: (users: readonly FoundPeer[]) => void) => PeerFinder,
  signal: AbortSignal,
): Promise<Metainfo> {
  if (swarm.has(infoHash)) throw new PeerError('the song is being loaded already')
  const torrent = swarm.add(`magnet:?xt=urn:btih:${infoHash}`, { store: NoStore })
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)])
  let finder: PeerFinder | null = null
  try {
    watchSources(torrent, { banned: swarm.banned, isUdpOnly: true, log })
    const failed = once(torrent, 'error', { signal: bounded }).then(([error]) => Promise.reject(error))
    failed.catch(() => undefined)
    const told = new Promise<Uint8Array>((resolve) => {
      torrent.once('metadata', () => {
        resolve(torrent.torrentFile)
        torrent.destroy()
      })
    })
    if (torrent.infoHash === undefined) await once(torrent, 'infoHash', { signal: bounded })
    finder = findUsers(peerAdder(swarm, torrent, true))
    const metainfo = readTorrent(await Promise.race([told, failed]))
    if (metainfo.infoHash !== infoHash || metainfo.name !== sha256 || metainfo.files.length !== 1)
      throw new PeerError('the user has another song than the tracker says')
    return metainfo
  } catch (error) {
    if (error instanceof PeerError) throw error
    if (signal.aborted) throw new PeerError('interrupted')
    const reason = bounded.aborted ? 'nobody who has it answers over UDP' : reasonOf(error)
    throw new PeerError(`the song cannot be loaded: ${reason}`)
  } finally {
    if (!torrent.destroyed) torrent.destroy()
    await finder?.close()
  }
}
