import { stat } from 'node:fs/promises'
import { resolve, sep } from 'node:path'
import { countOf } from '@holdfast/shared/count-of'
import { checksumOf, songTorrent } from '../napster/checksum.ts'
import { findAudio, readSongMetadata } from '../napster/song-metadata.ts'
import { PeerError, reasonOf } from '../peer-error.ts'
import type { SongShare } from '../shares/share-database.ts'
import { isUnchanged } from '../shares/sharing.ts'
import { hashFile } from '../torrent/hash-file.ts'
import { pieceLengthFor } from '../torrent/make-torrent.ts'
import { TrackerError } from '../tracker-client.ts'
import type { PeerDeps, Ui } from './peer-deps.ts'

/** Shares the songs of a folder, and no longer those that have gone from it. */
export async function shareFolder(deps: PeerDeps, ui: Ui, folder: string, signal: AbortSignal): Promise<void> {
  const isFolder = await stat(folder).then(
    (found) => found.isDirectory(),
    (error: unknown) => {
      throw new PeerError(`${folder} cannot be read: ${reasonOf(error)}`)
    },
  )
  if (!isFolder) throw new PeerError(`${folder} is no folder`)
  const known = new Map(deps.shares.songs.map((song) => [song.path, song]))
  const counts = { found: 0, added: 0, refused: 0, unpublished: 0 }
  let isTrackerThere = true
  const seen = new Set<string>()
  const unreadable: string[] = []
  const onUnreadable = (path: string, reason: string): void => {
    unreadable.push(path + sep)
    ui.say(`${path} is passed over: ${reason}`)
  }
  for await (const path of findAudio(folder, onUnreadable)) {
    if (signal.aborted) throw new PeerError('interrupted: what was shared until then stays shared')
    counts.found += 1
    seen.add(path)
    const before = known.get(path)
    if (before !== undefined && (await isUnchanged(before))) continue
    try {
      const { share, torrent } = await describeSong(path, signal)
      if (before !== undefined) await withdraw(deps, [before], signal)
      // One that is away is asked once, and not for each of a thousand songs.
      if (isTrackerThere) isTrackerThere = await addSong(deps, ui, share, torrent, signal)
      else {
        await deps.sharing.add(share, torrent)
        counts.unpublished += 1
      }
      counts.added += 1
    } catch (error) {
      if (signal.aborted) throw error
      counts.refused += 1
      ui.say(reasonOf(error))
    }
  }
  const isBelow = (path: string): boolean =>
    path.startsWith(resolve(folder) + sep) && !unreadable.some((passedOver) => path.startsWith(passedOver))
  const gone = [...known.values()].filter(({ path }) => isBelow(path) && !seen.has(path))
  if (gone.length > 0) await withdraw(deps, gone, signal)
  await deps.shares.save()
  if (counts.unpublished > 0) ui.say(`${counts.unpublished} more are not published yet`)
  ui.print(
    `${countOf(counts.found, 'song')} in ${folder}: ${counts.added} new, ${gone.length} gone, ${counts.refused} not shared`,
  )
}

/** @returns the song as it is shared. @throws PeerError */
export async function describeSong(
  path: string,
  signal: AbortSignal,
): Promise<{ share: SongShare; torrent: Uint8Array }> {
  const { size, changedAt, pieces, sha256 } = await hashFile(path, pieceLengthFor, signal)
  const { infoHash, bare } = songTorrent(size, sha256, pieces)
  const metadata = await readSongMetadata(path)
  const checksum = checksumOf({ sha256, infoHash })
  return { share: { kind: 'song', path, size, changedAt, infoHash, id: null, checksum, ...metadata }, torrent: bare }
}

/** Shares a song. @returns whether the tracker could be asked; one that is away is told at the next check-in */
export async function addSong(
  deps: PeerDeps,
  ui: Ui,
  share: SongShare,
  torrent: Uint8Array,
  signal: AbortSignal,
): Promise<boolean> {
  await deps.sharing.add(share, torrent)
  try {
    const published = await deps.user.publish(share, signal)
    ui.say(published === null ? `${share.path} is shared no longer` : `${published.id}  ${share.path}`)
    return true
  } catch (error) {
    ui.say(`${share.path} is shared, and not published yet: ${reasonOf(error)}`)
    return error instanceof TrackerError
  }
}

/** Shares songs no longer, and has the tracker forget them where it can be asked. */
export async function withdraw(deps: PeerDeps, songs: readonly SongShare[], signal: AbortSignal): Promise<void> {
  for (const song of songs) await deps.sharing.remove(song)
  // The tracker gives files of one user with the same bytes the same id.
  const used = new Set(deps.shares.songs.map(({ id }) => id))
  const ids = songs.flatMap(({ id }) => (id === null || used.has(id) ? [] : id))
  // Where it cannot be asked, the next check-in tells it.
  if (ids.length > 0)
    await deps.user
      .forget(ids, signal)
      .catch((error: unknown) => deps.log.warn({ reason: reasonOf(error) }, 'songs not forgotten yet'))
}
