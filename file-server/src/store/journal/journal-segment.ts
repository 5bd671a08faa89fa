import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { failpoint } from '@holdfast/shared/node/failpoint'
import type { NamedCopy } from '@holdfast/shared/wire/shapes'
import type { DiskCalls } from '../disk/disk-calls.ts'
import { frameBytes } from './journal-frame.ts'
import { encodeHeader, SALT_BYTES, SEGMENT_START, type SegmentHeader } from './journal-header.ts'

const ZEROS = Buffer.alloc(1024 ** 2)
const OPEN = constants.O_RDWR | constants.O_NOFOLLOW

/**
 * A segment is a file of the journal: a header, then frames. Its bytes exist before they are needed, so a sync is of
 * data only.
 */
export class Segment {
  readonly path: string
  readonly #file: FileHandle
  readonly #disk: DiskCalls
  #header: SegmentHeader
  #copy: 0 | 1
  #sizeBytes: number
  #usedBytes = SEGMENT_START
  /** Its frames name these copies. */
  copies: NamedCopy[] = []
  /** Counts the puts that have no complete file in the tree yet; the segment may not be reset before it is 0. */
  #unwrittenCount = 0
  #onWritten: (() => void) | null = null

  private constructor(path: string, file: FileHandle, disk: DiskCalls, found: FoundSegment) {
    this.path = path
    this.#file = file
    this.#disk = disk
    this.#header = found.header
    this.#copy = found.copy
    this.#sizeBytes = found.sizeBytes
  }

  static async open(path: string, disk: DiskCalls, found: FoundSegment): Promise<Segment> {
    return new Segment(path, await open(path, OPEN), disk, found)
  }

  /** Makes a new segment, which gets its name durably once it is whole. */
  static async make(path: string, disk: DiskCalls, generation: number, sizeBytes: number): Promise<Segment> {
    const header = newHeader(generation)
    const unfinished = `${path}.part`
    const file = await open(unfinished, OPEN | constants.O_CREAT | constants.O_TRUNC, 0o600)
    try {
      const segment = new Segment(path, file, disk, { header, copy: 0, sizeBytes: 0 })
      await segment.grow(sizeBytes)
      const { bytes, position } = encodeHeader(header, 0)
      await segment.#write(bytes, position)
      await disk.syncJournal(file.fd)
      await disk.rename(unfinished, path)
      await disk.syncDirectory(dirname(path))
      return segment
    } catch (error) {
      await file.close()
      await disk.unlink(unfinished)
      throw error
    }
  }

  get header(): SegmentHeader {
    return this.#header
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  hasRoomFor(length: number, aheadBytes = 0): boolean {
    return this.#usedBytes + aheadBytes + frameBytes(length) <= this.#sizeBytes
  }

  async grow(stepBytes: number): Promise<void> {
    const end = this.#sizeBytes + stepBytes
    for (let at = this.#sizeBytes; at < end; at += ZEROS.length) {
      await this.#write(ZEROS.subarray(0, Math.min(ZEROS.length, end - at)), at)
    }
    // The new size is synced too, because a later sync of data alone must find it there.
    await this.#file.sync()
    this.#sizeBytes = end
  }

  /** Gives the disk back what is beyond a size. */
  async shrink(sizeBytes: number): Promise<void> {
    if (sizeBytes >= this.#sizeBytes) return
    await this.#file.truncate(sizeBytes)
    await this.#file.sync()
    this.#sizeBytes = sizeBytes
  }

  /** Writes a group of frames behind the last one and syncs it. */
  async append(group: Uint8Array): Promise<void> {
    await failpoint?.('file-server.before-journal-write')
    await this.#write(group, this.#usedBytes)
    await failpoint?.('file-server.before-journal-sync')
    await this.#disk.syncJournal(this.#file.fd)
    await failpoint?.('file-server.after-journal-sync')
    this.#usedBytes += group.length
  }

  /** Gives up its frames, because all that they say is durable in the tree. @returns what they named. */
  async reset(generation: number): Promise<readonly NamedCopy[]> {
    const header = newHeader(generation)
    const copy = this.#copy === 0 ? 1 : 0
    const { bytes, position } = encodeHeader(header, copy)
    await this.#write(bytes, position)
    await this.#disk.syncJournal(this.#file.fd)
    this.#header = header
    this.#copy = copy
    this.#usedBytes = SEGMENT_START
    const { copies } = this
    this.copies = []
    return copies
  }

  putBegins(): void {
    this.#unwrittenCount++
  }

  putEnds(): void {
    if (--this.#unwrittenCount === 0) this.#onWritten?.()
  }

  /** Resolves when every put in it has its file in the tree, or was given up. */
  async allWritten(): Promise<void> {
    if (this.#unwrittenCount === 0) return
    await new Promise<void>((resolve) => {
      this.#onWritten = resolve
    })
    this.#onWritten = null
  }

  async close(): Promise<void> {
    await this.#file.close()
  }

  /** Gives it another name, which no start reads. @returns its path */
  async setAside(): Promise<string> {
    const path = `${this.path}.damaged-${this.#header.generation}`
    await this.close()
    await this.#disk.rename(this.path, path)
    await this.#disk.syncDirectory(dirname(this.path))
    return path
  }

  async remove(): Promise<void> {
    await this.close()
    await this.#disk.unlink(this.path)
    await this.#disk.syncDirectory(dirname(this.path))
  }

  async #write(bytes: Uint8Array, position: number): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const rest = done === 0 ? bytes : bytes.subarray(done)
      const written = await this.#disk.writeJournal(this.#file.fd, rest, position + done)
      if (written === 0) throw Object.assign(new Error('a write of nothing'), { code: 'ENOSPC' })
      done += written
    }
  }
}

export interface FoundSegment {
  readonly header: SegmentHeader
  /** The header is in this one of its two places. */
  readonly copy: 0 | 1
  readonly sizeBytes: number
}

function newHeader(generation: number): SegmentHeader {
  return { generation, salt: randomBytes(SALT_BYTES) }
}
