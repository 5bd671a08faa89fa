import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { StoreError } from '@holdfast/shared/errors/store-error'
import type { CopyId } from '@holdfast/shared/ids'
import type { Logger } from '@holdfast/shared/node/logger'
import { isLoopback } from '@holdfast/shared/node/loopback'
import type { LocatedFile, NamedCopy } from '@holdfast/shared/wire/shapes'
import { withDeadline } from '../../with-deadline.ts'
import { Setback } from './setback.ts'

/** libuv has so many threads for file access. `npm start` sets 16. */
const POOL_THREADS = Number(process.env.UV_THREADPOOL_SIZE) || 4
/** A part may take this long. A disk that takes longer hangs, and the file-server says what there is to say about it. */
const READ_DEADLINE_MS = 12_000
/** A copy stays open for the next part of the same download, which comes within this. */
const IDLE_MS = 1_000
/**
 * After this a copy is looked for anew: one that is deleted or replaced meanwhile must not stay open for as long as somebody
 * asks for it.
 */
const MAX_AGE_MS = 10_000
const MAX_OPEN = 64
// O_NONBLOCK keeps whatever stands under the path, a pipe say, from blocking a thread for ever.
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/**
 * Counts the reads of all disks that are under way in this process. One that hangs keeps its thread of the pool, and others,
 * who look up a host's name for one, must find some left.
 */
export class LocalReads {
  readonly #max: number
  #count = 0

  constructor(max = Math.ceil(POOL_THREADS / 2)) {
    this.#max = max
  }

  get isFull(): boolean {
    return this.#count >= this.#max
  }

  /** Counts a read until it settles. */
  async track<T>(read: Promise<T>): Promise<T> {
    this.#count++
    try {
      return await read
    } finally {
      this.#count--
    }
  }
}

export interface LocalDiskDeps {
  /** This manager sees the file-server at this address. */
  readonly address: string
  /** Tells whether the file-server lets its disk be read (LOCAL_READS). */
  readonly isAllowed: boolean
  /** Asks the file-server where a copy lies. */
  readonly locate: (copy: NamedCopy) => Promise<LocatedFile>
  /** Counts the reads of all links together. */
  readonly reads: LocalReads
  readonly log: Pick<Logger, 'info'>
}

/** A read wants as many bytes of a copy as its buffer takes, from `offset` on. */
export interface LocalSpan {
  /** The whole copy has so many bytes; null where the asker does not know it. */
  readonly sizeBytes: number | null
  readonly offset: number
}

interface OpenCopy {
  readonly handle: Promise<FileHandle>
  readonly openedAt: number
  readerCount: number
  idleTimer: NodeJS.Timeout | undefined
}

/** Says why a copy cannot be read here, so that the file-server has to send it. */
class NotHere extends Error {}

/** Says that a copy is not as it should be. The file-server has to say what it is, and other copies may well be read. */
class BadCopy extends Error {}

/**
 * Reads the disk of a file-server on this machine. Its large copies are read there instead of through two sockets, which is
 * half of what a download costs ("short-circuit local reads", HDFS-347). The file-server says where a copy lies, and what is
 * read is verified as if it had sent it. Where that does not work, it does send it.
 */
export class LocalDisk {
  readonly #deps: LocalDiskDeps
  readonly #isHere: boolean
  readonly #setback: Setback
  readonly #open = new Map<CopyId, OpenCopy>()
  #hasWorked = false

  constructor(deps: LocalDiskDeps) {
    this.#deps = deps
    this.#isHere = deps.isAllowed && isLoopback(deps.address)
    this.#setback = new Setback(deps.log, 'its disk is not read: large files come from the file-server')
  }

  /** Tells whether a read is worth trying at this moment. */
  get isUsable(): boolean {
    return this.#isHere && !this.#deps.reads.isFull && this.#setback.isOver
  }

  /** Counts the copies that are open. */
  get openCount(): number {
    return this.#open.size
  }

  /**
   * Fills `bytes`. @returns whether it did; if not, they may still be written to, and the file-server has to send the part.
   * @throws what the file-server says of the copy: COPY_NOT_FOUND, COPY_MISMATCH, LINK_LOST, …
   */
  async read(copy: NamedCopy, span: LocalSpan, bytes: Buffer): Promise<boolean> {
    const reading = this.#readFrom(this.#take(copy, span.sizeBytes), copy, span.offset, bytes)
    try {
      await withDeadline(this.#deps.reads.track(reading), READ_DEADLINE_MS, () => new NotHere('it does not answer'))
      this.#hasWorked = true
      this.#setback.forget()
      return true
    } catch (error) {
      if (error instanceof StoreError && error.name !== 'BAD_ANSWER') throw error
      // A copy that is gone by the time it is opened says nothing of a disk that was read before.
      if (error instanceof BadCopy || (this.#hasWorked && (error as NodeJS.ErrnoException).code === 'ENOENT'))
        return false
      this.#setback.note(
        error instanceof NotHere ? error.message : String((error as NodeJS.ErrnoException).code ?? error),
      )
      return false
    }
  }

  /** Closes the copies that nobody reads. The others close soon after their last reader is done. */
  close(): void {
    for (const [copyId, copy] of this.#open) if (copy.readerCount === 0) this.#letGo(copyId, copy)
  }

  #take(copy: NamedCopy, sizeBytes: number | null): OpenCopy {
    const known = this.#open.get(copy.copyId)
    const now = performance.now()
    if (known !== undefined && now - known.openedAt < MAX_AGE_MS) {
      clearTimeout(known.idleTimer)
      known.readerCount++
      return known
    }
    if (known?.readerCount === 0) this.#letGo(copy.copyId, known)
    const fresh = { handle: this.#find(copy, sizeBytes), openedAt: now, readerCount: 1, idleTimer: undefined }
    this.#open.set(copy.copyId, fresh)
    return fresh
  }

  async #readFrom(copyOpen: OpenCopy, { copyId }: NamedCopy, offset: number, bytes: Buffer): Promise<void> {
    let isWell = false
    try {
      await fill(bytes, await copyOpen.handle, offset)
      isWell = true
    } finally {
      const isKept = isWell && this.#open.size <= MAX_OPEN && this.#open.get(copyId) === copyOpen
      if (--copyOpen.readerCount === 0) {
        if (isKept) copyOpen.idleTimer = setTimeout(() => this.#letGo(copyId, copyOpen), IDLE_MS).unref()
        else this.#letGo(copyId, copyOpen)
      }
    }
  }

  /** Closes a copy that nobody reads. Another one may have taken its place in the table, and stays there. */
  #letGo(copyId: CopyId, copyOpen: OpenCopy): void {
    if (this.#open.get(copyId) === copyOpen) this.#open.delete(copyId)
    clearTimeout(copyOpen.idleTimer)
    // Whoever wanted a copy that could not be opened was told so, and to close one that was only read loses nothing.
    copyOpen.handle.then((handle) => handle.close()).catch(() => undefined)
  }

  async #find(copy: NamedCopy, sizeBytes: number | null): Promise<FileHandle> {
    const { path, device, inode } = await this.#deps.locate(copy)
    // A file-server that lies must not have us open what is not its own.
    if (!path.endsWith(`-${copy.copyId}-${copy.sha256}`)) throw new NotHere('it names another file')
    const handle = await open(path, READ)
    try {
      const found = await handle.stat({ bigint: true })
      // Another container may have something else, or a copy of it, under the same path.
      if (!found.isFile() || String(found.dev) !== device || String(found.ino) !== inode)
        throw new NotHere('another file stands there')
      if (sizeBytes !== null && found.size !== BigInt(sizeBytes)) throw new BadCopy('not the size of its record')
      return handle
    } catch (error) {
      await handle.close()
      throw error
    }
  }
}

async function fill(bytes: Buffer, handle: FileHandle, offset: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesRead } = await handle.read(bytes, done, bytes.length - done, offset + done)
    if (bytesRead === 0) throw new BadCopy('shorter than asked for')
    done += bytesRead
  }
}
