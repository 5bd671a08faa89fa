import { hash } from 'node:crypto'
import type { TrackFilter, TrackOrder, TrackPlace } from './track-query.ts'

/** A player asks for the next page as soon as it has stored this one. Later than this the list may have become another. */
const KEPT_MS = 30_000
const MAX_PLACES = 1_000

/** Tells how far into a list somebody has come. */
export interface Reached {
  /** Counts the tracks up to the place, which is null at the beginning of the list. */
  readonly count: number
  readonly place: TrackPlace | null
  /** They began to be counted then. */
  readonly countedAt: number
}

/**
 * Remembers places in lists, for players ask for the next page by its number. To go on after a track takes the database no time;
 * to count to that number takes it longer with every page.
 */
export class ReachedPlaces {
  readonly #places = new Map<string, { readonly list: string; readonly reached: Reached; readonly until: number }>()

  /**
   * @returns the place where a page ended lately after that many tracks, however long ago its first page was. Where there is none,
   * the nearest before it of those that were counted lately, or the beginning.
   */
  find(filter: TrackFilter, order: TrackOrder, count: number): Reached {
    const now = performance.now()
    const list = keyOf(filter, order)
    const exact = this.#places.get(`${list} ${count}`)
    if (exact !== undefined && exact.until >= now) return exact.reached
    let nearest: Reached = { count: 0, place: null, countedAt: now }
    for (const { list: other, reached } of this.#places.values()) {
      const isBetween = reached.count > nearest.count && reached.count <= count
      if (isBetween && other === list && reached.countedAt + KEPT_MS >= now) nearest = reached
    }
    return nearest
  }

  remember(filter: TrackFilter, order: TrackOrder, reached: Reached): void {
    const list = keyOf(filter, order)
    const key = `${list} ${reached.count}`
    // The oldest comes first.
    this.#places.delete(key)
    this.#places.set(key, { list, reached, until: performance.now() + KEPT_MS })
    const [oldest] = this.#places.keys()
    if (this.#places.size > MAX_PLACES && oldest !== undefined) this.#places.delete(oldest)
  }
}

/** A filter may hold a text of half a megabyte. */
const keyOf = (filter: TrackFilter, order: TrackOrder): string =>
  hash('sha256', JSON.stringify([filter, order]), 'base64')
