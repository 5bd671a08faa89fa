import { setTimeout as delay } from 'node:timers/promises'
import { reasonOf } from '../peer-error.ts'
import type { SongShare } from '../shares/share-database.ts'
import type { SharingDeps } from '../shares/sharing.ts'
import { TrackerError } from '../tracker-client.ts'

/** The two databases are compared this often, and at once where no heartbeat came for a while. */
const CHECK_IN_EVERY_MS = 600_000
const SILENCE_MS = 60_000
const FIRST_RETRY_MS = 1_000
const MAX_RETRY_MS = 60_000
const TRY_AGAIN_MS = 500
const MAX_TRIES = 60

export type NapsterUserDeps = Omit<SharingDeps, 'swarm'>

/** Keeps this peer online as a user of the Napster tracker, with the same ids in both databases. */
export class NapsterUser {
  readonly #deps: NapsterUserDeps
  readonly #stop = new AbortController()
  #ended: Promise<void> = Promise.resolve()
  /** Publishing while ids are compared would make one that is new look lost. */
  #turn: Promise<unknown> = Promise.resolve()
  #heardAt = performance.now()

  constructor(deps: NapsterUserDeps) {
    this.#deps = deps
  }

  /** Stays online until it is closed. */
  goOnline(): void {
    this.#ended = this.#run()
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#ended
  }

  noteHeartbeat(): void {
    this.#heardAt = performance.now()
  }

  /** Tells the tracker of a song, and keeps the id that it gives. @returns null where it is shared no longer. @throws PeerError */
  publish(song: SongShare, signal: AbortSignal): Promise<SongShare | null> {
    return this.#inTurn(() => this.#publish(song, signal)).catch((error: unknown) => {
      // A tracker that cannot be asked has fallen silent: the next check-in, which tells it of the song, is soon.
      if (!(error instanceof TrackerError)) this.#heardAt = Number.NEGATIVE_INFINITY
      throw error
    })
  }

  /** Has the tracker forget songs that are no longer here. @throws PeerError */
  forget(ids: readonly string[], signal: AbortSignal): Promise<void> {
    return this.#inTurn(async () => {
      await this.#deps.tracker.checkIn(this.#deps.listening, { gone: ids }, signal)
    })
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    let retryMs = FIRST_RETRY_MS
    let isOnline = false
    while (!signal.aborted) {
      let waitMs = CHECK_IN_EVERY_MS
      try {
        await this.#inTurn(() => this.#checkIn(signal))
        if (!isOnline) this.#deps.log.info({ tracker: this.#deps.tracker.origin }, 'checked in')
        isOnline = true
        retryMs = FIRST_RETRY_MS
      } catch (error) {
        if (signal.aborted) return
        isOnline = false
        this.#deps.log.warn({ reason: reasonOf(error) }, 'not checked in')
        waitMs = retryMs
        retryMs = Math.min(2 * retryMs, MAX_RETRY_MS)
      }
      await this.#wait(waitMs)
    }
  }

  /** Waits, but not where the tracker has fallen silent: it may have taken this user for gone. */
  async #wait(ms: number): Promise<void> {
    const until = performance.now() + ms
    this.#heardAt = performance.now()
    while (!this.#stop.signal.aborted && performance.now() < until && performance.now() - this.#heardAt < SILENCE_MS)
      await delay(Math.min(until - performance.now(), 1_000), undefined, { signal: this.#stop.signal }).catch(
        () => undefined,
      )
  }

  async #checkIn(signal: AbortSignal): Promise<void> {
    const { tracker, shares, listening, log } = this.#deps
    const { missing, unknown } = await tracker.checkIn(listening, { ids: this.#ids() }, signal)
    const known = new Set(this.#ids())
    // What the tracker has and this peer has not was shared from here once. It may be what leaves no room for others.
    const gone = missing.filter((id) => !known.has(id))
    // A check-in has room for all ids of one user, and not for those of two.
    if (gone.length > 0) await tracker.checkIn(listening, { gone }, signal)
    const lost = new Set(unknown)
    const unpublished = shares.songs.filter(({ id }) => id === null || lost.has(id))
    for (const song of unpublished) await this.#publishUnlessRefused(song, signal)
    if (unpublished.length + gone.length > 0)
      log.info({ unpublished: unpublished.length, forgotten: gone.length }, 'both databases were compared')
    await shares.save()
  }

  /** What is wrong with one song says nothing of the others. */
  async #publishUnlessRefused(song: SongShare, signal: AbortSignal): Promise<void> {
    try {
      await this.#publish(song, signal)
    } catch (error) {
      if (!(error instanceof TrackerError) || error.code === 'TOO_MANY_REQUESTS') throw error
      this.#deps.log.warn({ path: song.path, reason: reasonOf(error) }, 'the tracker refuses a song')
    }
  }

  async #publish(share: SongShare, signal: AbortSignal): Promise<SongShare | null> {
    const { tracker, shares, listening } = this.#deps
    const { song, artist, album, duration, year, size, checksum } = share
    if (this.#current(share) === null) return null
    const metadata = { song, artist, album, duration, year, fileSize: size, checksum }
    const id = await patiently(() => tracker.publish(listening, metadata, signal), signal)
    const current = this.#current(share)
    if (current !== null) {
      const published = { ...current, id }
      await shares.put(published)
      return published
    }
    // The tracker gives files of one user with the same bytes the same id.
    if (!this.#ids().includes(id)) await tracker.checkIn(listening, { gone: [id] }, signal)
    return null
  }

  /** @returns the song as it is shared at the moment; the user may have taken it back, or another file may be there */
  #current(song: SongShare): SongShare | null {
    const current = this.#deps.shares.current(song)
    return current?.kind === 'song' && current.checksum === song.checksum ? current : null
  }

  #ids(): string[] {
    return this.#deps.shares.songs.flatMap(({ id }) => id ?? [])
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work)
    this.#turn = done.catch(() => undefined)
    return done
  }
}

/** A tracker takes only so much a second from one network, which a folder of songs exceeds. */
async function patiently<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let triesLeft = MAX_TRIES; ; triesLeft--) {
    try {
      return await work()
    } catch (error) {
      const isTooMuch = error instanceof TrackerError && error.code === 'TOO_MANY_REQUESTS'
      if (!isTooMuch || triesLeft <= 1 || signal.aborted) throw error
      await delay(TRY_AGAIN_MS, undefined, { signal }).catch(() => undefined)
    }
  }
}
