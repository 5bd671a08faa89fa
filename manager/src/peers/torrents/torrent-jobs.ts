import { StoreError, toStoreError } from '@holdfast/shared/errors/store-error'
import type { Logger } from '@holdfast/shared/node/logger'
import { Types } from 'mongoose'
import type { FileRecord } from '../../files/file.model.ts'
import { type Jobs, jobId } from '../../jobs/jobs.ts'
import { MerkleHasher } from './merkle-hasher.ts'
import type { TorrentInfo } from './metainfo.ts'
import { PieceHasher, pieceLengthFor } from './piece-hasher.ts'
import type { TorrentRecords } from './torrent-records.ts'
import type { TorrentWish, TorrentWishes } from './torrent-wishes.ts'

const KIND = 'hash-torrent'
/** A small file need not wait for a large one. */
const AT_ONCE = 2
/** The loop looks so often for wishes whose jobs were lost. */
const EVERY_MS = 60_000
/** Those who wait are told so often how far it is. */
const TELL_EVERY_MS = 1_000

export interface TorrentJobsDeps {
  readonly jobs: Jobs
  readonly records: TorrentRecords
  readonly wishes: TorrentWishes
  readonly log: Logger
  readonly findFile: (id: Types.ObjectId) => Promise<FileRecord | null>
  /** Gives all bytes of a file, each piece of which it may use again when the next one is asked for. */
  readonly read: (record: FileRecord, signal: AbortSignal) => AsyncIterable<Buffer>
}

/** Has files hashed for their torrents, by whichever manager comes first. */
export class TorrentJobs {
  readonly #deps: TorrentJobsDeps
  #onEnd: (fileId: string) => void = () => undefined

  constructor(deps: TorrentJobsDeps) {
    this.#deps = deps
  }

  /** Does the jobs from then on. */
  start(): void {
    this.#deps.jobs.work(KIND, ({ data }, signal) => this.#do(String(data.fileId), signal), AT_ONCE)
  }

  /** @param listener is told when a job has ended on this manager, well or not */
  onEnd(listener: (fileId: string) => void): void {
    this.#onEnd = listener
  }

  /**
   * Has a file hashed, also where that has failed for good before. @throws OVERLOADED where too many files wait,
   * DATABASE_UNAVAILABLE
   */
  async order(fileId: string): Promise<void> {
    await this.#deps.wishes.add(fileId)
    const isAdded = await this.#add(fileId)
    if (!isAdded && (await this.#deps.jobs.retry(jobId({ kind: KIND, key: fileId }))))
      await this.#deps.wishes.note(fileId, { problem: null })
  }

  /** The need stands in the wishes: this loop of upkeep adds the jobs of those that wait. */
  loop() {
    return {
      name: KIND,
      everyMs: EVERY_MS,
      run: async (signal: AbortSignal): Promise<boolean> => {
        for (const fileId of await this.#deps.wishes.listWaiting()) {
          if (signal.aborted) break
          await this.#add(fileId)
        }
        return false
      },
    }
  }

  #add(fileId: string): Promise<boolean> {
    return this.#deps.jobs.add({ kind: KIND, key: fileId, data: { fileId } })
  }

  async #do(fileId: string, signal: AbortSignal): Promise<void> {
    const { records, wishes, findFile } = this.#deps
    try {
      const kept = await records.find(fileId)
      const record = await findFile(new Types.ObjectId(fileId))
      if (record !== null && (kept === null || kept.merkle === null)) {
        await wishes.note(fileId, { hashedBytes: 0, problem: null })
        await records.keep(fileId, await this.#hash(record, kept, signal))
      }
      await wishes.remove(fileId)
    } catch (thrown) {
      const { message, detail } = toStoreError(thrown)
      // A job that was broken off has not failed.
      if (!signal.aborted) await this.#note(fileId, { problem: detail ?? message })
      throw thrown
    } finally {
      this.#onEnd(fileId)
    }
  }

  /** @param kept is of a version that made no hybrids, and whatever it says stays so */
  async #hash(record: FileRecord, kept: TorrentInfo | null, signal: AbortSignal): Promise<TorrentInfo> {
    const fileId = record._id.toHexString()
    const pieceLength = kept?.pieceLength ?? pieceLengthFor(record.size)
    const [pieces, merkle] = [new PieceHasher(pieceLength), new MerkleHasher(pieceLength)]
    let hashedBytes = 0
    let toldAt = performance.now()
    for await (const bytes of this.#deps.read(record, signal)) {
      signal.throwIfAborted()
      pieces.update(bytes)
      merkle.update(bytes)
      hashedBytes += bytes.length
      if (performance.now() - toldAt < TELL_EVERY_MS) continue
      await this.#note(fileId, { hashedBytes })
      toldAt = performance.now()
    }
    if (hashedBytes !== record.size) throw new StoreError('INTERNAL', 'the file has another size than its record says')
    const name = kept?.name ?? record.torrentName ?? record.name.slice(record.name.lastIndexOf('/') + 1)
    return { name, size: record.size, pieceLength, pieces: pieces.digest(), merkle: merkle.digest() }
  }

  /** What those who wait are told is no reason to fail. */
  async #note(fileId: string, change: Partial<TorrentWish>): Promise<void> {
    await this.#deps.wishes.note(fileId, change).catch((error: unknown) => {
      this.#deps.log.debug({ fileId, err: error }, 'nobody was told how far a torrent is')
    })
  }
}
