import type { Metainfo } from '@holdfast/shared/node/torrent/metainfo'
import { Deadline } from '../deadline.ts'
import { PeerError, reasonOf } from '../peer-error.ts'
import { fetchMetainfo, type MetainfoDeps } from '../swarm/fetch-metainfo.ts'
import type { FoundPeer, PeerFinder } from '../swarm/trackers/peer-finder.ts'
import type { SongChecksum } from './checksum.ts'

const PATIENCE_MS = 30_000

/**
 * Asks users over uTP what the pieces of a song are. @throws PeerError where none of them tells in time, or the song is not
 * what the tracker says: whoever has published it chose the info-hash, and so how much would be loaded.
 */
export async function fetchSongMetainfo(
  deps: MetainfoDeps,
  { infoHash, sha256, size }: SongChecksum & { readonly size: number },
  findUsers: (onPeers: (users: readonly FoundPeer[]) => void) => PeerFinder,
  signal: AbortSignal,
): Promise<Metainfo> {
  using bounded = new Deadline(signal, PATIENCE_MS)
  try {
    const findPeers = (onPeers: (users: readonly FoundPeer[]) => void) => [findUsers(onPeers)]
    const metainfo = await fetchMetainfo(deps, { infoHash, isUdpOnly: true, findPeers }, bounded.signal)
    if (metainfo.name !== sha256 || metainfo.files.length !== 1 || metainfo.length !== size)
      throw new PeerError('the user has another song than the tracker says')
    return metainfo
  } catch (error) {
    if (error instanceof PeerError) throw error
    if (signal.aborted) throw new PeerError('interrupted')
    const reason = bounded.signal.aborted ? 'nobody who has it answers over UDP' : reasonOf(error)
    throw new PeerError(`the song cannot be loaded: ${reason}`)
  }
}
