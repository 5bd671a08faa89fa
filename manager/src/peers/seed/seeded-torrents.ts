import { StoreError } from '@holdfast/shared/errors/store-error'
import { Types } from 'mongoose'
import type { FileRecord } from '../../files/file.model.ts'
import type { FileRecords } from '../../files/file-records.ts'
import { infoBytesOf, type TorrentInfo, trackedHashesOf } from '../torrents/metainfo.ts'
import type { TorrentRecords } from '../torrents/torrent-records.ts'

/** A file that was deleted meanwhile is given to nobody for longer. */
const RECORD_GOOD_MS = 5_000

interface SeededDeps {
  readonly torrents: Pick<TorrentRecords, 'find' | 'listByHash'>
  readonly files: Pick<FileRecords, 'findLiveById'>
}

/** Describes a torrent of a stored file, as its peers know it. */
export class SeededTorrent {
  readonly size: number
  readonly pieceLength: number
  readonly pieceCount: number
  /** This is the metadata, whose digest is the info-hash. */
  readonly info: Buffer
  readonly #findFile: () => Promise<FileRecord | null>
  #record: FileRecord
  #lookedAt = performance.now()

  constructor(info: TorrentInfo, record: FileRecord, findFile: () => Promise<FileRecord | null>) {
    this.size = info.size
    this.pieceLength = info.pieceLength
    this.pieceCount = Math.ceil(info.size / info.pieceLength)
    this.info = infoBytesOf(info)
    this.#record = record
    this.#findFile = findFile
  }

  /** @returns the file's record as it was a moment ago. @throws FILE_NOT_FOUND, DATABASE_UNAVAILABLE */
  async record(): Promise<FileRecord> {
    if (performance.now() - this.#lookedAt < RECORD_GOOD_MS) return this.#record
    const found = await this.#findFile()
    if (found === null) throw new StoreError('FILE_NOT_FOUND')
    this.#record = found
    this.#lookedAt = performance.now()
    return found
  }
}

/** Finds the stored files that info-hashes are of. A file whose pieces were not hashed yet has none. */
export class SeededTorrents {
  readonly #deps: SeededDeps

  constructor(deps: SeededDeps) {
    this.#deps = deps
  }

  /** @param infoHash in 40 hex digits. @returns null where no stored file has it. @throws DATABASE_UNAVAILABLE */
  async find(infoHash: string): Promise<SeededTorrent | null> {
    for (const { fileId } of await this.#deps.torrents.listByHash([infoHash])) {
      const record = await this.#findFile(fileId)
      const info = record && (await this.#deps.torrents.find(fileId))
      if (record === null || info === null) continue
      const isHybrid = info.merkle !== null && trackedHashesOf(info).includes(infoHash)
      const named = isHybrid ? info : { ...info, merkle: null }
      return new SeededTorrent(named, record, () => this.#findFile(fileId))
    }
    return null
  }

  /** @returns for each of these info-hashes whether a stored file has it. @throws DATABASE_UNAVAILABLE */
  async areSeeded(infoHashes: readonly string[]): Promise<boolean[]> {
    const found = await this.#deps.torrents.listByHash(infoHashes)
    const live = await Promise.all(found.map(async (each) => ((await this.#findFile(each.fileId)) ? each.hashes : [])))
    const seeded = new Set(live.flat())
    return infoHashes.map((infoHash) => seeded.has(infoHash))
  }

  /** @returns null where readers may not see the file any longer */
  async #findFile(fileId: string): Promise<FileRecord | null> {
    const record = await this.#deps.files.findLiveById(new Types.ObjectId(fileId))
    const isExpired = record?.expiresAt != null && record.expiresAt.getTime() <= Date.now()
    return isExpired ? null : record
  }
}
