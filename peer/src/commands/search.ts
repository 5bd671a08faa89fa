import { countOf } from '@holdfast/shared/count-of'
import { plainText } from '@holdfast/shared/plain-text'
import { PeerError } from '../peer-error.ts'
import type { PeerDeps, Ui } from './peer-deps.ts'

const MAX_EMPTY_PAGES = 100
const fields = ['song', 'artist', 'album', 'year', 'limit', 'cursor'] as const

/** Finds songs of active users by words, and by fields as in `artist=nina`. */
export async function search(
  { tracker }: PeerDeps,
  ui: Ui,
  words: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const query = new URLSearchParams()
  const plain: string[] = []
  for (const word of words) {
    const [, field = '', value = ''] = /^([a-z]+)=(.*)$/s.exec(word) ?? []
    if (fields.some((known) => known === field)) query.set(field, value)
    else plain.push(word)
  }
  if (plain.length > 0) query.set('q', plain.join(' '))
  if (query.size === 0) throw new PeerError('search for words, or for fields such as artist=nina song=feeling')
  let { results, next } = await tracker.search(query, signal)
  // The tracker looks only so far at once for words that many songs have, and may find nothing there.
  for (let pages = 1; results.length === 0 && next !== null && pages < MAX_EMPTY_PAGES; pages++) {
    query.set('cursor', next)
    ;({ results, next } = await tracker.search(query, signal))
  }
  for (const { id, song, artist, album, year, duration, fileSize, users } of results) {
    const details = [
      album,
      year,
      duration === null ? '' : `${Math.round(duration)} s`,
      `${fileSize} bytes`,
      countOf(users.length, 'user'),
    ]
    ui.print(
      `${id}  ${plainText(artist || '?')} - ${plainText(song)}  (${details
        .filter(Boolean)
        .map((text) => plainText(String(text)))
        .join(', ')})`,
    )
  }
  if (results.length === 0) ui.say('nobody who is online shares such a song')
  if (next !== null) ui.say(`there are more: search … cursor=${next}`)
}
