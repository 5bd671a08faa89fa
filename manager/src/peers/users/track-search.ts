import { StoreError } from '@holdfast/shared/errors/store-error'
import { askDatabase, codeOf, type Database, MAX_TIME_EXPIRED } from '../../mongo/database.ts'
import type { Condition, SearchPlan } from './search-terms.ts'
import type { TrackDocument } from './track-records.ts'

/** A search finds tracks like this. */
export type FoundTrack = Omit<TrackDocument, 'terms'>

/** A page of a search ends with this content, and the next one begins after it. It may be short, also where there is a next one. */
export interface TrackPage {
  readonly tracks: readonly FoundTrack[]
  readonly next: string | null
}

/** One step of a search that takes longer is given up, and after so long no further one begins. */
const SEARCH_TIME_MS = 1_500
/** This many entries of an index are looked at, and then more at once where they were not enough. */
const FIRST_BATCH = { ofOneWord: 250, ofSeveral: 1_000 }
const MAX_BATCH = 4_000
/** About this many are looked at for one page. Who asks for common words that are never together gets an empty page and a next one. */
const MAX_LOOKED_AT = 8_000
/** What fulfils a condition is counted up to this, to begin with the rarest. */
const COUNTED = 2_000

type Group = SearchPlan[number]

/** These contents stand in so many entries of an index. */
interface Contents {
  readonly entries: number
  readonly contents: string[]
}

/**
 * Finds tracks of active users that fulfil a plan, one a content, in the order of the contents. Everything is decided by
 * indexes, in which contents stand in order under each term: those of the rarest condition are read, and those left out that do
 * not stand under the others. Only what is shown is read from the documents themselves, for that takes a hundred times as long.
 */
export class TrackSearch {
  readonly #database: Database
  readonly #plan: SearchPlan
  readonly #endsAt = performance.now() + SEARCH_TIME_MS

  constructor(database: Database, plan: SearchPlan) {
    this.#database = database
    this.#plan = plan
  }

  /** @param after a content; the page begins behind it. @throws OVERLOADED, DATABASE_UNAVAILABLE */
  async page(limit: number, after: string | null): Promise<TrackPage> {
    const [rarest = [], ...others] = await this.#byRarity()
    const found: FoundTrack[] = []
    let size = others.length === 0 ? FIRST_BATCH.ofOneWord : FIRST_BATCH.ofSeveral
    let last = after
    for (let lookedAt = 0; lookedAt < MAX_LOOKED_AT && performance.now() < this.#endsAt; ) {
      const batch = await this.#contents({ terms: matching(rarest), ...beyond(last) }, 'terms', size)
      lookedAt += batch.entries
      let candidates = batch.contents.sort()
      const end = candidates.at(-1)
      for (const group of others) candidates = await this.#keep(candidates, { terms: matching(group) }, 'terms')
      candidates = await this.#keep(candidates, { isOnline: true }, 'sources')
      // One more shows whether there is a next page.
      while (candidates.length > 0 && found.length <= limit)
        found.push(...(await this.#oneOfEach(candidates.splice(0, limit + 1))))
      if (found.length > limit) return { tracks: found.slice(0, limit), next: found[limit - 1]?.content ?? null }
      if (batch.entries < size || end === undefined) return { tracks: found, next: null }
      last = end
      size = Math.min(4 * size, MAX_BATCH)
    }
    // Without a place to go on from there would seem to be nothing.
    if (last === after) throw new StoreError('OVERLOADED')
    return { tracks: found, next: last }
  }

  get #tracks() {
    return this.#database.connection.collection<TrackDocument>('peer_tracks')
  }

  async #byRarity(): Promise<Group[]> {
    if (this.#plan.length < 2) return [...this.#plan]
    const options = { limit: COUNTED, hint: 'terms', maxTimeMS: SEARCH_TIME_MS }
    const counted = await this.#ask(() =>
      Promise.all(
        this.#plan.map(async (group) => ({
          group,
          count: await this.#tracks.countDocuments({ terms: matching(group) }, options),
        })),
      ),
    )
    return counted.sort((one, other) => one.count - other.count).map(({ group }) => group)
  }

  /** Reads contents from an index alone, the first ones where their number is bounded. One list is cheaper than many documents. */
  async #contents(filter: object, hint: 'terms' | 'sources', limit?: number): Promise<Contents> {
    const first = limit === undefined ? [] : [{ $sort: { content: 1 } }, { $limit: limit }]
    const list = { $group: { _id: null, entries: { $sum: 1 }, contents: { $addToSet: '$content' } } }
    const options = { hint, maxTimeMS: SEARCH_TIME_MS }
    const [found] = await this.#ask(() =>
      this.#tracks.aggregate<Contents>([{ $match: filter }, ...first, list], options).toArray(),
    )
    return found ?? { entries: 0, contents: [] }
  }

  /** @returns those that stand under a condition too, in their order */
  async #keep(candidates: string[], condition: object, hint: 'terms' | 'sources'): Promise<string[]> {
    if (candidates.length === 0) return []
    const { contents } = await this.#contents({ ...condition, content: { $in: candidates } }, hint)
    const kept = new Set(contents)
    return candidates.filter((content) => kept.has(content))
  }

  /** Reads one track of each content. A content may be at thousands of users, who may each tell something else of it. */
  async #oneOfEach(contents: readonly string[]): Promise<FoundTrack[]> {
    const conditions = this.#plan.map((group) => ({ terms: matching(group) }))
    const pipeline = [{ $match: { isOnline: true, $and: conditions } }, { $limit: 1 }, { $project: { terms: 0 } }]
    const found = await this.#ask(() => joinContents<FoundTrack>(this.#database, contents, pipeline, SEARCH_TIME_MS))
    return found.flatMap(({ joined }) => joined)
  }

  async #ask<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await askDatabase(ask)
    } catch (error) {
      if (codeOf(error) === MAX_TIME_EXPIRED) throw new StoreError('OVERLOADED', undefined, { cause: error })
      throw error
    }
  }
}

/** Runs a pipeline over the tracks of each content, all in one command. @returns what came of each, in their order */
export async function joinContents<T>(
  { connection }: Database,
  contents: readonly string[],
  pipeline: object[],
  maxTimeMS: number,
): Promise<{ readonly content: string; readonly joined: readonly T[] }[]> {
  if (contents.length === 0) return []
  const join = { from: 'peer_tracks', localField: 'content', foreignField: 'content', pipeline, as: 'joined' }
  const stages = [{ $documents: contents.map((content) => ({ content })) }, { $lookup: join }]
  const found = await connection.db?.aggregate(stages, { maxTimeMS }).toArray()
  return (found ?? []) as { content: string; joined: T[] }[]
}

/** A word has only letters and digits, so it stands in a pattern as it is. */
function matching(group: Group): object {
  return {
    $in: group.map((condition: Condition) =>
      'exact' in condition ? condition.exact : new RegExp(`^${condition.beginning}`),
    ),
  }
}

function beyond(content: string | null): object {
  return content === null ? {} : { content: { $gt: content } }
}
