import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseChecksum } from '../napster/checksum.ts'
import { fetchSongMetainfo } from '../napster/song-metainfo.ts'
import { PeerError, reasonOf } from '../peer-error.ts'
import { isUnchanged } from '../shares/sharing.ts'
import { download } from '../swarm/download.ts'
import type { FoundPeer, PeerFinder } from '../swarm/trackers/peer-finder.ts'
import { hashFile } from '../torrent/hash-file.ts'
import { pieceLengthFor } from '../torrent/make-torrent.ts'
import type { PeerDeps, Ui } from './peer-deps.ts'
import { addSong, describeSong } from './songs.ts'

const ASK_EVERY_MS = 5_000

/** Loads a song from the users that the tracker names, over UDP, and shares it then. */
export async function getSong(
  deps: PeerDeps,
  ui: Ui,
  id: string,
  path: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (!/^[0-9a-f-]{36}$/.test(id)) throw new PeerError('get takes the id of a song, as search prints it')
  if (deps.swarm.udp === null)
    throw new PeerError('songs travel over UDP, which this peer has at an address of IPv4 only')
  const isDirectory = path !== undefined && (await stat(path).catch(() => null))?.isDirectory()
  const target = path === undefined || isDirectory ? join(path ?? deps.directory, id) : path
  const { checksum, fileSize } = await deps.tracker.locate(id, signal)
  const wanted = parseChecksum(checksum)
  const own = deps.shares.songs.find(({ infoHash }) => infoHash === wanted.infoHash)
  if (own !== undefined && (await isUnchanged(own))) {
    if (own.path !== target) throw new PeerError(`the song is here already, as ${own.path}`)
    return ui.print('SUCCESSFUL DOWNLOAD')
  }
  // An earlier run may have ended after it gave the song its name, and before it shared it.
  if (!(await hasBytes(target, fileSize, wanted.sha256, signal)))
    await loadSong(deps, ui, { id, target, checksum, fileSize }, signal)
  const { share, torrent } = await describeSong(target, signal)
  await addSong(deps, ui, share, torrent, signal)
  await deps.shares.save()
  ui.print('SUCCESSFUL DOWNLOAD')
}

async function hasBytes(path: string, size: number, sha256: string, signal: AbortSignal): Promise<boolean> {
  const found = await stat(path).catch(() => null)
  if (!found?.isFile() || found.size !== size || size === 0) return false
  return (await hashFile(path, pieceLengthFor, signal)).sha256 === sha256
}

interface WantedSong {
  readonly id: string
  readonly target: string
  readonly checksum: string
  readonly fileSize: number
}

async function loadSong(
  deps: PeerDeps,
  ui: Ui,
  { id, target, checksum, fileSize }: WantedSong,
  signal: AbortSignal,
): Promise<void> {
  const wanted = parseChecksum(checksum)
  const findUsers = (onPeers: (users: readonly FoundPeer[]) => void) => new SongFinder(deps, id, checksum, onPeers)
  const metainfo = await fetchSongMetainfo(deps, { ...wanted, size: fileSize }, findUsers, signal)
  await download(
    deps,
    {
      ...{ metainfo, target, isUdpOnly: true },
      findPeers: ({ onPeers }) => [findUsers(onPeers)],
      onTrouble: (sentence) => ui.say(sentence),
      onProgress: (progress) => ui.progress(id, progress),
      verify: async (part) => {
        const { sha256 } = await hashFile(part, () => metainfo.pieceLength, signal)
        if (sha256 !== wanted.sha256) throw new PeerError('the song does not have the checksum that the tracker says')
      },
    },
    signal,
  )
}

/** Asks the tracker again while a song is loaded: it names any of those who have the song, and they come and go. */
class SongFinder implements PeerFinder {
  readonly #stop = new AbortController()
  readonly #ended: Promise<void>

  constructor(
    { tracker, log }: PeerDeps,
    id: string,
    checksum: string,
    onPeers: (users: readonly FoundPeer[]) => void,
  ) {
    const { signal } = this.#stop
    const run = async (): Promise<void> => {
      while (!signal.aborted) {
        try {
          const located = await tracker.locate(id, signal)
          if (located.checksum === checksum) onPeers([{ host: located.ip, port: located.port }])
        } catch (error) {
          if (!signal.aborted) log.warn({ reason: reasonOf(error) }, 'the tracker does not tell who has a song')
        }
        await delay(ASK_EVERY_MS, undefined, { signal }).catch(() => undefined)
      }
    }
    this.#ended = run()
  }

  async complete(): Promise<void> {
    this.#stop.abort()
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#ended
  }
}
