import { readdir } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import { parseFile } from 'music-metadata'
import { PeerError, reasonOf } from '../peer-error.ts'
import type { SongMetadata } from '../tracker-client.ts'

const audio = new Set([
  '.mp3',
  '.flac',
  '.ogg',
  '.oga',
  '.opus',
  '.m4a',
  '.aac',
  '.wav',
  '.aiff',
  '.aif',
  '.wma',
  '.webm',
  '.mka',
])
const MAX_TEXT = 300
const MAX_DEPTH = 16

/**
 * @returns the audio files below a folder, by their names' endings. Links are not followed.
 * @param onUnreadable hears of folders below it that cannot be read
 */
export async function* findAudio(
  folder: string,
  onUnreadable: (path: string, reason: string) => void,
  depth = 0,
): AsyncGenerator<string> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    if (depth === 0) throw new PeerError(`${folder} cannot be read: ${reasonOf(error)}`)
    onUnreadable(folder, reasonOf(error))
    return []
  })
  for (const entry of entries.sort((one, other) => (one.name < other.name ? -1 : 1))) {
    if (entry.name.startsWith('.')) continue
    const path = join(folder, entry.name)
    if (entry.isDirectory() && depth < MAX_DEPTH) yield* findAudio(path, onUnreadable, depth + 1)
    else if (entry.isFile() && audio.has(extname(entry.name).toLowerCase())) yield path
  }
}

/** @returns what the file's tags say, and its name where they say nothing */
export async function readSongMetadata(path: string): Promise<Omit<SongMetadata, 'fileSize' | 'checksum'>> {
  const named = {
    song: textOf(basename(path, extname(path))) || 'untitled',
    artist: '',
    album: '',
    duration: null,
    year: null,
  }
  try {
    const { common, format } = await parseFile(path, { skipCovers: true })
    const { title, artist, album, year } = common
    return {
      song: textOf(title) || named.song,
      artist: textOf(artist),
      album: textOf(album),
      duration: format.duration !== undefined && Number.isFinite(format.duration) ? Math.max(0, format.duration) : null,
      year: year !== undefined && Number.isInteger(year) && year >= 0 && year <= 9_999 ? year : null,
    }
  } catch {
    // Whatever it is, it is shared under its name: music-metadata throws for each kind of damage something else.
    return named
  }
}

/** The tracker counts as JavaScript does, by UTF-16. A character that takes two is not cut in half. */
function textOf(text: string | undefined): string {
  const cut = (text ?? '').replaceAll('\0', '').trim().slice(0, MAX_TEXT)
  return cut.isWellFormed() ? cut : cut.slice(0, -1)
}
