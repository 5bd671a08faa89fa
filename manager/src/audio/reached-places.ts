import { hash } from 'node:crypto'
import type { TrackFilter, TrackOrder, TrackPlace } from './track-query.ts'

/** A player asks for the next page as soon as it has stored this one. Later than this the list may have become another. */
const KEPT_MS = 30_000
const MAX_PLACES = 1_000

/**
 * Remembers where pages ended, for players ask for the next one by its number. To go on after a track takes the database no time;
 * to count to that number takes it longer with every page.
 */
export class ReachedPlaces {
  readonly #places = new Map<string, { readonly place: TrackPlace; readonly until: number }>()

  /** @returns the track after which that many have been listed, or null where no such page ended lately */
  find(filter: TrackFilter, order: TrackOrder, count: number): TrackPlace | null {
    const reached = this.#places.get(keyOf(filter, order, count))
    return reached === undefined || reached.until < performance.now() ? null : reached.place
  }

  remember(filter: TrackFilter, order: TrackOrder, count: number, place: TrackPlace): void {
    const key = keyOf(filter, order, count)
    // The oldest comes first.
    this.#places.delete(key)
    this.#places.set(key, { place, until: performance.now() + KEPT_MS })
    const [oldest] = this.#places.keys()
    if (this.#places.size > MAX_PLACES && oldest !== undefined) this.#places.delete(oldest)
  }
}

/** A filter may hold a text of half a megabyte. */
const keyOf = (filter: TrackFilter, order: TrackOrder, count: number): string =>
  hash('sha256', JSON.stringify([filter, order, count]))
