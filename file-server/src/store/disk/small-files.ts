import {
  closeSync,
  constants,
  fdatasync,
  fdatasyncSync,
  lstatSync,
  mkdirSync,
  open,
  openSync,
  read,
  readSync,
  type Stats,
  unlink,
  write,
  writeSync,
} from 'node:fs'
import { lstat, mkdir } from 'node:fs/promises'
import { isErrno } from './disk-health.ts'
import { DiskPace } from './disk-pace.ts'
import { READ_COPY } from './open-flags.ts'

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
const DIRECTORY = { mode: 0o700 }

/** A call that only goes to the page cache takes this long where that is full and waits for the disk. */
const FULL_CACHE_MS = 50
/** A sync always waits for the disk; a quick one costs less than waking another thread, and that waking this one. */
const SLOW_DISK_MS = 5

type Settle = (error: NodeJS.ErrnoException | null) => void

/**
 * Makes calls for a few KiB in the event loop's own thread while the disk answers at once. They use descriptors and
 * callbacks, because a FileHandle and its promises cost as much CPU as the system calls.
 * `DiskCalls` says what each does.
 */
export class SmallFiles {
  // Each kind has a pace of its own, because one may be answered from memory while another waits for the disk.
  readonly #creates: DiskPace
  readonly #writes: DiskPace
  readonly #syncs: DiskPace
  readonly #reads: DiskPace

  constructor(now: () => number = () => performance.now()) {
    this.#creates = new DiskPace({ now, slowMs: FULL_CACHE_MS })
    this.#writes = new DiskPace({ now, slowMs: FULL_CACHE_MS })
    this.#syncs = new DiskPace({ now, slowMs: SLOW_DISK_MS })
    this.#reads = new DiskPace({ now, slowMs: SLOW_DISK_MS, hasWaited: hasReadFromDisk() })
  }

  createFile(path: string, bytes: Uint8Array): Promise<void> {
    return this.#creates.run(
      () => createAtOnce(path, bytes),
      () => createInPool(path, bytes),
    )
  }

  makeDirectory(path: string): Promise<void> {
    return this.#creates.run(
      () => mkdirSync(path, DIRECTORY),
      () => mkdir(path, DIRECTORY),
    )
  }

  readSpan(path: string, offset: number, length: number): Promise<Buffer> {
    return this.#reads.run(
      () => readAtOnce(path, offset, length),
      () => readInPool(path, offset, length),
    )
  }

  async lookAt(path: string): Promise<Stats | null> {
    try {
      return await this.#reads.run(
        () => lstatSync(path, { throwIfNoEntry: false }) ?? null,
        () => lstat(path),
      )
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return null
      throw error
    }
  }

  /** Writes into a file that is open, without a sync. @returns how many bytes were written, maybe fewer than asked. */
  writeAt(fd: number, bytes: Uint8Array, position: number): Promise<number> {
    return this.#writes.run(
      () => writeSync(fd, bytes, 0, bytes.length, position),
      () => writeInPool(fd, bytes, position),
    )
  }

  syncData(fd: number): Promise<void> {
    return this.#syncs.run(
      () => fdatasyncSync(fd),
      () => syncInPool(fd),
    )
  }
}

/** @returns whether this process has read from a disk since the last question, by the kernel's count. */
function hasReadFromDisk(): () => boolean {
  let known = process.resourceUsage().fsRead
  return () => {
    const before = known
    known = process.resourceUsage().fsRead
    return known > before
  }
}

function createAtOnce(path: string, bytes: Uint8Array): void {
  const fd = openSync(path, CREATE, 0o600)
  try {
    for (let done = 0; done < bytes.length; ) {
      const written = writeSync(fd, bytes, done, bytes.length - done, done)
      if (written === 0) throw writeOfNothing()
      done += written
    }
  } finally {
    closeSync(fd)
  }
}

function createInPool(path: string, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    open(path, CREATE, 0o600, (openError, fd) => {
      if (openError !== null) return reject(openError)
      const end: Settle = (error) => {
        const notClosed = closeAtOnce(fd)
        const failure = error ?? notClosed
        if (failure === null) resolve()
        else reject(failure)
      }
      if (bytes.length === 0) end(null)
      else writeAll(fd, bytes, 0, end)
    })
  })
}

/** A local file system writes nothing back at a close, so this does not block, and it saves a turn of the thread pool. */
function closeAtOnce(fd: number): Error | null {
  try {
    closeSync(fd)
    return null
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

function writeAll(fd: number, bytes: Uint8Array, from: number, end: Settle): void {
  write(fd, bytes, from, bytes.length - from, from, (error, written) => {
    if (error !== null) end(error)
    else if (written === 0) end(writeOfNothing())
    else if (from + written === bytes.length) end(null)
    else writeAll(fd, bytes, from + written, end)
  })
}

/** A full disk may show as a write of nothing, without an error. */
function writeOfNothing(): Error {
  return Object.assign(new Error('a write of nothing'), { code: 'ENOSPC' })
}

function readAtOnce(path: string, offset: number, length: number): Buffer {
  const fd = openSync(path, READ_COPY)
  try {
    const bytes = Buffer.allocUnsafe(length)
    let done = 0
    for (let count = -1; done < length && count !== 0; done += count)
      count = readSync(fd, bytes, done, length - done, offset + done)
    return done === length ? bytes : bytes.subarray(0, done)
  } finally {
    closeSync(fd)
  }
}

function readInPool(path: string, offset: number, length: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    open(path, READ_COPY, (openError, fd) => {
      if (openError !== null) return reject(openError)
      const bytes = Buffer.allocUnsafe(length)
      const end = (error: Error | null, done: number): void => {
        const notClosed = closeAtOnce(fd)
        const failure = error ?? notClosed
        if (failure === null) resolve(done === length ? bytes : bytes.subarray(0, done))
        else reject(failure)
      }
      readAll(fd, bytes, 0, offset, end)
    })
  })
}

function readAll(
  fd: number,
  bytes: Buffer,
  from: number,
  position: number,
  end: (error: Error | null, done: number) => void,
): void {
  read(fd, bytes, from, bytes.length - from, position + from, (error, count) => {
    if (error !== null) end(error, from)
    else if (count === 0 || from + count === bytes.length) end(null, from + count)
    else readAll(fd, bytes, from + count, position, end)
  })
}

function writeInPool(fd: number, bytes: Uint8Array, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, 0, bytes.length, position, (error, written) => (error === null ? resolve(written) : reject(error)))
  })
}

function syncInPool(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fdatasync(fd, (error) => (error === null ? resolve() : reject(error)))
  })
}

export function removeFile(path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    unlink(path, (error) => (error === null ? resolve() : reject(error)))
  })
}
