import { StoreError, toStoreError } from '@holdfast/shared/errors/store-error'
import type { Logger } from '@holdfast/shared/node/logger'
import type { DownloadMemory } from '../../chunks/reading/download-memory.ts'
import type { FileRecord } from '../../files/file.model.ts'
import { type GetDeps, readBytesOf, readFile } from '../../files/get-file.ts'
import type { Swarms } from '../swarms/swarms.ts'
import { infoHashOf, type TorrentInfo } from './metainfo.ts'
import { PieceHasher, pieceLengthFor } from './piece-hasher.ts'
import type { TorrentRecords } from './torrent-records.ts'

/** So many files wait for their pieces to be hashed, one after the other. */
const MAX_WAITING = 100
/** A request waits so long for it, and is asked to come again after that. */
const PATIENCE_MS = 10_000
/** So many info-hashes are known to be tracked, which saves to say so for every request. */
const MAX_ALLOWED = 10_000

export interface TorrentsDeps {
  readonly files: GetDeps & { readonly memory: DownloadMemory }
  readonly records: TorrentRecords
  readonly swarms: Swarms
  readonly log: Logger
}

/** Makes torrents of stored files: their pieces are hashed when somebody asks first, and what came of it is kept. */
export class Torrents {
  readonly #deps: TorrentsDeps
  readonly #making = new Map<string, Promise<TorrentInfo>>()
  #last: Promise<unknown> = Promise.resolve()
  readonly #allowed = new Set<string>()
  readonly #stop = new AbortController()

  constructor(deps: TorrentsDeps) {
    this.#deps = deps
  }

  async close(): Promise<void> {
    this.#stop.abort(new StoreError('CANCELLED'))
    await this.#last
  }

  /**
   * @returns what a torrent of the file has, which is tracked from then on. @throws FILE_UNAVAILABLE where it takes a while
   * longer, INVALID_REQUEST, OVERLOADED, DATABASE_UNAVAILABLE
   */
  async of(record: FileRecord): Promise<TorrentInfo> {
    if (record.size === 0) throw new StoreError('INVALID_REQUEST', 'there is no torrent of an empty file')
    const id = record._id.toHexString()
    const info = (await this.#deps.records.find(id)) ?? (await this.#inTime(this.#make(id, record)))
    await this.#allow(infoHashOf(info))
    return info
  }

  async #allow(infoHash: string): Promise<void> {
    if (this.#allowed.has(infoHash)) return
    await this.#deps.swarms.allow(infoHash)
    if (this.#allowed.size >= MAX_ALLOWED) this.#allowed.clear()
    this.#allowed.add(infoHash)
  }

  #make(id: string, record: FileRecord): Promise<TorrentInfo> {
    const known = this.#making.get(id)
    if (known !== undefined) return known
    if (this.#making.size >= MAX_WAITING) throw new StoreError('OVERLOADED')
    const making = this.#last
      .then(() => this.#hash(record))
      .then((info) => this.#deps.records.keep(id, info))
      .finally(() => this.#making.delete(id))
    this.#making.set(id, making)
    this.#last = making.catch((thrown: unknown) => {
      const error = toStoreError(thrown)
      if (!this.#stop.signal.aborted) this.#deps.log.warn({ fileId: id, err: error }, 'pieces not hashed')
    })
    return making
  }

  async #hash(record: FileRecord): Promise<TorrentInfo> {
    const { files, log } = this.#deps
    const { signal } = this.#stop
    signal.throwIfAborted()
    const whole = { start: 0, end: record.size }
    using share = files.memory.take(readBytesOf(record, whole))
    const pieceLength = pieceLengthFor(record.size)
    const hasher = new PieceHasher(pieceLength)
    const pace = { isAhead: share.isAhead, isTaken: () => true }
    const context = { requestId: `torrent-${record._id.toHexString()}`, signal, log }
    for await (const bytes of readFile(files, record, whole, context, pace)) hasher.update(bytes)
    return {
      name: record.name.slice(record.name.lastIndexOf('/') + 1),
      size: record.size,
      pieceLength,
      pieces: hasher.digest(),
    }
  }

  async #inTime(making: Promise<TorrentInfo>): Promise<TorrentInfo> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new StoreError('FILE_UNAVAILABLE', 'its pieces are still hashed')), PATIENCE_MS)
    })
    try {
      return await Promise.race([making, late])
    } finally {
      clearTimeout(timer)
    }
  }
}
