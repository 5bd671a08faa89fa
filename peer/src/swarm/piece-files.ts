import { createHash } from 'node:crypto'
import { constants, type Stats } from 'node:fs'
import { type FileHandle, lstat, open, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { makeDirectory, syncDirectory } from '@holdfast/shared/node/make-directory'
import type { Metainfo } from '@holdfast/shared/node/torrent/metainfo'
import type { ChunkStore, GotChunk } from 'webtorrent'
import { PeerError } from '../peer-error.ts'
import { FileSpans, type Span } from './file-spans.ts'
import { OpenFiles } from './open-files.ts'

/** What `stat` calls a block has this size. */
const BLOCK_BYTES = 512

/** Keeps the files of a torrent on the disk, as webtorrent reads and writes them: piece by piece, each verified before it is put. */
export class PieceFiles implements ChunkStore {
  readonly chunkLength: number
  readonly #metainfo: Metainfo
  readonly #spans: FileSpans
  readonly #onPut: (index: number) => void
  /** Counts the bytes that were read so far. */
  readBytes = 0
  #files = new OpenFiles('r')
  /** These files were found or written since the last sync. */
  #unsynced = new Set<number>()
  readonly #isNumbered: boolean
  #root: string

  /**
   * @param root the file of a torrent of one, else the directory. @param onPut hears of each piece that was written
   * @param isNumbered whether the root is a directory in any case, and the files in it are called by their numbers
   */
  constructor(metainfo: Metainfo, root: string, onPut: (index: number) => void = () => undefined, isNumbered = false) {
    this.chunkLength = metainfo.pieceLength
    this.#metainfo = metainfo
    this.#root = root
    this.#isNumbered = isNumbered
    this.#onPut = onPut
    this.#spans = new FileSpans(metainfo.files)
  }

  /**
   * Makes what is missing, at its full size. @returns whether any of it was there
   * @param isOwn whether what is there is known to be of this torrent. @throws PeerError where it can be none of it
   */
  async prepare(isOwn: boolean): Promise<boolean> {
    this.#files = new OpenFiles('r+')
    let isAnyThere = false
    for (const [number, { length }] of this.#metainfo.files.entries()) {
      const path = this.#pathOf(number)
      await makeDirectory(dirname(path), dirname(path), 0o777)
      const handle = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o644)
      try {
        const { size } = await handle.stat()
        // Whatever wrote what is there may have ended before it was durable.
        this.#unsynced.add(number)
        if (!isOwn && size !== 0 && size !== length)
          throw new PeerError(`${path} is there already, and is no part of this torrent: take it away`)
        if (size !== length) await handle.truncate(length)
        else if (length > 0) isAnyThere = true
      } finally {
        await handle.close()
      }
    }
    await syncDirectory(dirname(this.#root))
    return isAnyThere
  }

  /** @returns the pieces of which something was in a file that is gone, or has another size */
  async lostPieces(): Promise<number[]> {
    const lost = new Set<number>()
    for (const [number, { length }] of this.#metainfo.files.entries()) {
      if (length === 0 || (await this.#find(number))?.size === length) continue
      const offset = this.#spans.offsetOf(number)
      for (let index = Math.floor(offset / this.chunkLength); index * this.chunkLength < offset + length; index++)
        lost.add(index)
    }
    return [...lost]
  }

  /** @returns how many bytes more the disk will have to hold; files have their whole sizes from the beginning */
  async missingBytes(): Promise<number> {
    let bytes = 0
    for (const [number, { length }] of this.#metainfo.files.entries())
      bytes += Math.max(0, length - BLOCK_BYTES * ((await this.#find(number))?.blocks ?? 0))
    return bytes
  }

  /** @returns whether all files are there with their sizes */
  async hasFiles(): Promise<boolean> {
    for (const [number, { length }] of this.#metainfo.files.entries()) {
      const found = await this.#find(number)
      if (!found?.isFile() || found.size !== length) return false
    }
    return true
  }

  /** @returns whether these pieces have the bytes that the torrent says */
  async hasPieces(indices: readonly number[]): Promise<boolean> {
    for (const index of indices) if (!(await this.#isRight(index).catch(() => false))) return false
    return true
  }

  /** @returns whether all files are there and have the bytes that the torrent says @param onBytes hears how many were read */
  async isWhole(signal: AbortSignal, onBytes: (doneBytes: number) => void = () => undefined): Promise<boolean> {
    if (!(await this.hasFiles())) return false
    const { pieces } = this.#metainfo
    try {
      for (let index = 0; 20 * index < pieces.length; index++) {
        signal.throwIfAborted()
        onBytes(this.readBytes)
        if (!(await this.#isRight(index))) return false
      }
      return true
    } finally {
      await this.#files.close()
    }
  }

  put(index: number, bytes: Uint8Array, done: (error?: Error | null) => void): void {
    this.#write(index, bytes).then(
      () => {
        this.#onPut(index)
        done(null)
      },
      (error: Error) => done(error),
    )
  }

  get(index: number, options: { offset?: number; length?: number } | null | GotChunk, done?: GotChunk): void {
    const [wish, answer] = typeof options === 'function' ? [{}, options] : [options ?? {}, done]
    this.#read(index, wish).then(
      (bytes) => answer?.(null, bytes),
      (error: Error) => answer?.(error),
    )
  }

  /** Makes durable what was put before. */
  async sync(): Promise<void> {
    const files = this.#unsynced
    this.#unsynced = new Set()
    for (const file of files) await this.#files.use(this.#pathOf(file), (handle) => handle.datasync())
  }

  /** Gives the whole its final name, which nothing has yet. @throws PeerError where something has taken it meanwhile */
  async moveTo(target: string): Promise<void> {
    const found = await lstat(target).catch(() => null)
    if (found !== null) throw new PeerError(`${target} came to be meanwhile: the download is complete as ${this.#root}`)
    const before = this.#root
    await rename(before, target)
    this.#root = target
    await syncDirectory(dirname(target))
  }

  close(done: (error?: Error | null) => void = () => undefined): void {
    this.#files.close().then(() => done(null), done)
  }

  /** Nothing is ever deleted by a swarm. */
  destroy(done: (error?: Error | null) => void = () => undefined): void {
    this.close(done)
  }

  #find(number: number): Promise<Stats | null> {
    return lstat(this.#pathOf(number)).catch(() => null)
  }

  async #isRight(index: number): Promise<boolean> {
    const bytes = await this.#read(index, {})
    const digest = createHash('sha1').update(bytes).digest()
    return digest.equals(this.#metainfo.pieces.subarray(20 * index, 20 * index + 20))
  }

  async #write(index: number, bytes: Uint8Array): Promise<void> {
    let taken = 0
    for (const { file, offset, length } of this.#spansOf(index, 0, bytes.length)) {
      const part = bytes.subarray(taken, taken + length)
      await this.#files.use(this.#pathOf(file), (handle) => writeAll(handle, part, offset))
      this.#unsynced.add(file)
      taken += length
    }
  }

  async #read(index: number, { offset = 0, length }: { offset?: number; length?: number }): Promise<Uint8Array> {
    const pieceLength = Math.min(this.chunkLength, this.#metainfo.length - index * this.chunkLength)
    const wanted = length ?? pieceLength - offset
    // Anybody asks for what he likes, and a negative number is one that webtorrent has read as signed.
    if (index < 0 || offset < 0 || wanted < 1 || offset + wanted > pieceLength)
      throw new RangeError('the torrent has no such block')
    const bytes = Buffer.alloc(wanted)
    let filled = 0
    for (const span of this.#spansOf(index, offset, bytes.length)) {
      const read = async (handle: FileHandle): Promise<void> => {
        const { bytesRead } = await handle.read(bytes, filled, span.length, span.offset)
        if (bytesRead !== span.length) throw new Error('the file is shorter than it was')
      }
      // The whole may be given its final name in between.
      await this.#files.use(this.#pathOf(span.file), read).catch(() => this.#files.use(this.#pathOf(span.file), read))
      filled += span.length
    }
    this.readBytes += filled
    return bytes
  }

  #spansOf(index: number, offset: number, length: number): Span[] {
    const start = index * this.chunkLength + offset
    return this.#spans.between(start, start + length)
  }

  #pathOf(number: number): string {
    return join(this.#root, ...(this.#isNumbered ? [String(number)] : (this.#metainfo.files[number]?.path ?? [])))
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, offset + written)
    written += bytesWritten
  }
}
