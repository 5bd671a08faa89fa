import { setTimeout as delay } from 'node:timers/promises'
import { StoreError } from '@holdfast/shared/errors/store-error'
import type { FileRecord } from '../../files/file.model.ts'
import type { FileRecords } from '../../files/file-records.ts'
import type { Swarms } from '../swarms/swarms.ts'
import { type TorrentInfo, trackedHashesOf } from './metainfo.ts'
import type { TorrentJobs } from './torrent-jobs.ts'
import type { TorrentRecords } from './torrent-records.ts'
import type { TorrentWish, TorrentWishes } from './torrent-wishes.ts'

/** A request waits so long for it, and is asked to come again after that. */
const PATIENCE_MS = 10_000
/** Another manager may have done the job. */
const LOOK_EVERY_MS = 500

/** A hybrid is of version 1 and 2 at once. */
export type TorrentVersion = '1' | 'hybrid'

export interface TorrentsDeps {
  readonly files: Pick<FileRecords, 'noteTorrent'>
  readonly records: TorrentRecords
  readonly wishes: TorrentWishes
  readonly jobs: TorrentJobs
  readonly swarms: Pick<Swarms, 'noteTracked'>
}

interface Waiter {
  readonly until: number
  readonly giveUp: (why: StoreError) => void
}

/** Those who wait for the same file look for it together, and each for as long as its own patience lasts. */
interface Look {
  readonly found: Promise<TorrentInfo>
  readonly waiters: Set<Waiter>
}

/** Makes torrents of stored files: their pieces are hashed when somebody asks first, and what came of it is kept. */
export class Torrents {
  readonly #deps: TorrentsDeps
  readonly #patienceMs: number
  readonly #looks = new Map<string, Look>()
  /** Ends the pause before the next look for a file. */
  readonly #wakes = new Map<string, () => void>()
  #isClosed = false

  constructor(deps: TorrentsDeps, patienceMs = PATIENCE_MS) {
    this.#deps = deps
    this.#patienceMs = patienceMs
    deps.jobs.onEnd((fileId) => this.#wakes.get(fileId)?.())
  }

  /** Lets nobody wait any longer. */
  close(): void {
    this.#isClosed = true
    for (const wake of this.#wakes.values()) wake()
  }

  /**
   * @returns what a torrent of the file has, which is tracked from then on. @throws NOT_HASHED_YET where it takes a while
   * longer, FILE_UNAVAILABLE where the file cannot be read at present, INVALID_REQUEST, OVERLOADED, DATABASE_UNAVAILABLE
   */
  async of(record: FileRecord, version: TorrentVersion): Promise<TorrentInfo> {
    if (record.size === 0) throw new StoreError('INVALID_REQUEST', 'there is no torrent of an empty file')
    const fileId = record._id.toHexString()
    const kept = await this.#deps.records.find(fileId)
    const isEnough = kept !== null && (version === '1' || kept.merkle !== null)
    const info = isEnough ? kept : await this.#waitFor(fileId, record.size)
    const torrent = version === '1' ? { ...info, merkle: null } : info
    await this.#note(record, torrent)
    return torrent
  }

  /** What is kept goes when nobody asks for long. The name must outlive that, and so must the info-hashes, which are tracked. */
  async #note({ _id, torrentName, torrentHashes = [] }: FileRecord, torrent: TorrentInfo): Promise<void> {
    const hashes = trackedHashesOf(torrent)
    if (torrentName !== undefined && hashes.every((hash) => torrentHashes.includes(hash))) return
    await this.#deps.files.noteTorrent(_id, torrent.name, hashes)
    for (const hash of hashes) this.#deps.swarms.noteTracked(hash)
  }

  #waitFor(fileId: string, size: number): Promise<TorrentInfo> {
    const { found, waiters } = this.#looks.get(fileId) ?? this.#begin(fileId, size)
    const late = new Promise<never>((_, giveUp) => waiters.add({ until: performance.now() + this.#patienceMs, giveUp }))
    return Promise.race([found, late])
  }

  #begin(fileId: string, size: number): Look {
    const waiters = new Set<Waiter>()
    const look = { found: this.#lookFor(fileId, size, waiters), waiters }
    this.#looks.set(fileId, look)
    return look
  }

  async #lookFor(fileId: string, size: number, waiters: Set<Waiter>): Promise<TorrentInfo> {
    try {
      await this.#deps.jobs.order(fileId)
      for (;;) {
        const woken = new Promise<void>((resolve) => this.#wakes.set(fileId, resolve))
        // The wish goes after its torrent has come, so one that is gone is looked for again.
        const wish = await this.#deps.wishes.find(fileId)
        const kept = await this.#deps.records.find(fileId)
        if (kept !== null && kept.merkle !== null) return kept
        if (wish === null) throw new StoreError('FILE_UNAVAILABLE', 'the file is gone')
        if (wish.problem !== null) throw new StoreError('FILE_UNAVAILABLE', `it cannot be hashed: ${wish.problem}`)
        const notYet = new StoreError('NOT_HASHED_YET', progressOf(wish, size))
        for (const waiter of waiters) {
          if (!this.#isClosed && performance.now() < waiter.until) continue
          waiters.delete(waiter)
          waiter.giveUp(notYet)
        }
        if (waiters.size === 0) throw notYet
        await Promise.race([woken, delay(LOOK_EVERY_MS)])
      }
    } finally {
      this.#looks.delete(fileId)
      this.#wakes.delete(fileId)
    }
  }
}

function progressOf({ hashedBytes }: TorrentWish, size: number): string {
  if (hashedBytes === 0) return 'it waits to be hashed for its torrent'
  return `it is being hashed for its torrent, and ${Math.floor((100 * hashedBytes) / size)} % are done`
}
