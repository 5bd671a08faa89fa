import { randomUUID } from 'node:crypto'
import type { Logger } from '@holdfast/shared/node/logger'
import type { mongo } from 'mongoose'
import { isLiveAudio } from '../../files/audio-fields.ts'
import type { FileRecord } from '../../files/file.model.ts'
import { askDatabase, codeOf, DUPLICATE_KEY } from '../../mongo/database.ts'
import { type BuildDeps, buildLibrary } from './build-library.ts'
import type { LibraryState } from './library-documents.ts'

/** A request waits so long for a library that is being derived, and takes what there is then. */
const PATIENCE_MS = 500
/** A request waits so long where this manager has not seen the library yet, and there may be none. */
const FIRST_PATIENCE_MS = 10_000
/** The library rests so many times as long as it took to look and to derive. */
const REST_FACTOR = 10
const LONGEST_REST_MS = 60_000
/** Something may have changed that does not show in the number of tracks and the newest of them, such as a measured duration. */
const REDO_AFTER_MS = 600_000
/** A manager that derives the library and is gone keeps others from it for so long. */
const LOCK_MS = 60_000
/** It is mongod's clock that tells, for the clocks of managers may lie days apart. */
const LOCKED = { $add: ['$$NOW', LOCK_MS] }
const LOOK_DEADLINE_MS = 10_000

export interface LibraryIndexDeps extends BuildDeps {
  readonly log: Logger
}

type Mark = Pick<Required<LibraryState>, 'songCount' | 'newest'>

/**
 * Has albums, artists and genres derived anew where the tracks have changed, while somebody asks for them. Of all managers one
 * does so at a time.
 */
export class LibraryIndex {
  readonly #deps: LibraryIndexDeps
  readonly #stop = new AbortController()
  #running: Promise<void> | null = null
  #restUntil = 0
  #hasSeen = false

  constructor(deps: LibraryIndexDeps) {
    this.#deps = deps
  }

  /** Waits for a while until the library is that of the tracks. It never throws, for what there is can be read all the same. */
  async refresh(): Promise<void> {
    if (this.#running === null) {
      if (performance.now() < this.#restUntil || this.#stop.signal.aborted) return
      this.#running = this.#run()
    }
    let timer: NodeJS.Timeout | undefined
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.#hasSeen ? PATIENCE_MS : FIRST_PATIENCE_MS)
    })
    await Promise.race([this.#running, patience])
    clearTimeout(timer)
  }

  async state(): Promise<LibraryState | null> {
    return askDatabase(() => this.#deps.state.findOne({ _id: 'library' }))
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const startedAt = performance.now()
    try {
      await this.#lookAndBuild()
      this.#hasSeen = true
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#deps.log.warn({ err: error }, 'the library of audio was not derived')
    } finally {
      const now = performance.now()
      this.#restUntil = now + Math.min(LONGEST_REST_MS, (now - startedAt) * REST_FACTOR)
      this.#running = null
    }
  }

  async #lookAndBuild(): Promise<void> {
    const mark = await this.#look()
    const state = await this.state()
    const isSame = state?.songCount === mark.songCount && state.newest === mark.newest
    if (isSame && Date.now() - (state.builtAt?.getTime() ?? 0) < REDO_AFTER_MS) return
    const generation = await this.#lock()
    if (generation === null) return
    const ownState = { _id: 'library', generation } as const
    const requireLock = async (): Promise<void> => {
      this.#stop.signal.throwIfAborted()
      const renewed = [{ $set: { lockedUntil: LOCKED } }]
      const { matchedCount } = await askDatabase(() => this.#deps.state.updateOne(ownState, renewed), LOOK_DEADLINE_MS)
      if (matchedCount === 0) throw new Error('another manager derives the library')
    }
    try {
      await buildLibrary(this.#deps, requireLock)
      const built = { ...mark, builtAt: new Date() }
      await this.#deps.state.updateOne(ownState, { $set: built, $unset: { lockedUntil: 1 } })
      this.#deps.log.debug({ ...mark, generation }, 'library of audio derived')
    } catch (error) {
      await this.#deps.state.updateOne(ownState, { $unset: { lockedUntil: 1 } }).catch(() => undefined)
      throw error
    }
  }

  /** @returns what tells whether tracks came or went */
  async #look(): Promise<Mark> {
    const { files } = this.#deps
    const live = isLiveAudio as mongo.Filter<FileRecord>
    // An index counts by itself where it has a bound.
    const named = { ...isLiveAudio, name: { $gte: '' } } as unknown as mongo.Filter<FileRecord>
    const counting = { hint: 'audio_order_name', maxTimeMS: LOOK_DEADLINE_MS } as const
    const latest = { projection: { _id: 1 }, sort: { createdAt: -1, _id: -1 }, hint: 'audio_order_uploaded' } as const
    const [songCount, newest] = await Promise.all([
      askDatabase(() => files.countDocuments(named, counting), LOOK_DEADLINE_MS),
      askDatabase(() => files.findOne(live, latest), LOOK_DEADLINE_MS),
    ])
    return { songCount, newest: newest?._id.toHexString() ?? null }
  }

  /** @returns the number of the build, or null while another manager is at it */
  async #lock(): Promise<number | null> {
    const builder = randomUUID()
    const locked = { generation: { $add: [{ $ifNull: ['$generation', 0] }, 1] }, lockedUntil: LOCKED, builder }
    const isLocked = { $gt: ['$lockedUntil', '$$NOW'] }
    const change = [{ $replaceWith: { $cond: [isLocked, '$$ROOT', { $mergeObjects: ['$$ROOT', locked] }] } }]
    const options = { upsert: true, returnDocument: 'after' } as const
    try {
      const state = await askDatabase(() => this.#deps.state.findOneAndUpdate({ _id: 'library' }, change, options))
      return state?.builder === builder ? state.generation : null
    } catch (error) {
      // Another manager made the document at this moment.
      if (codeOf(error) === DUPLICATE_KEY) return null
      throw error
    }
  }
}
