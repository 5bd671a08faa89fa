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

// Descriptors and callbacks: a FileHandle and its promises cost as much CPU as the system calls for a few KiB.
// O_NONBLOCK: a FIFO under a copy's name must not block a thread for ever.
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW

type Settle = (error: NodeJS.ErrnoException | null) => void

const now = (): number => performance.now()

// Apart, for memory answers the one while the other waits. What only goes to the page cache waits when that is full.
const creates = new DiskPace({ now, slowMs: 50 })
const writes = new DiskPace({ now, slowMs: 50 })
// A sync always waits for the disk; a quick one costs less than waking another thread, and that waking this one.
const syncs = new DiskPace({ now, slowMs: 5 })
const reads = new DiskPace({ now, slowMs: 5, hasWaited: hasReadFromDisk() })

/** Whether this process has read from a disk since the last question, by the kernel's count. */
function hasReadFromDisk(): () => boolean {
  let known = process.resourceUsage().fsRead
  return () => {
    const before = known
    known = process.resourceUsage().fsRead
    return known > before
  }
}

/** A new file with these bytes, not synced. After an error there may be a file. */
export async function createFile(path: string, bytes: Uint8Array): Promise<void> {
  if (!creates.begin()) return createInPool(path, bytes)
  try {
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
  } finally {
    creates.end()
  }
}

function createInPool(path: string, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    open(path, CREATE, 0o600, (openError, fd) => {
      if (openError !== null) return reject(openError)
      const end: Settle = (error) => {
        const failure = error ?? closeAtOnce(fd)
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

/** How a full disk may show, without an error. */
function writeOfNothing(): Error {
  return Object.assign(new Error('a write of nothing'), { code: 'ENOSPC' })
}

/** @returns up to `length` bytes of a file from `offset`, fewer where it ends before. */
export async function readSpan(path: string, offset: number, length: number): Promise<Buffer> {
  if (!reads.begin()) return readInPool(path, offset, length)
  try {
    const fd = openSync(path, READ)
    try {
      const bytes = Buffer.allocUnsafe(length)
      let done = 0
      for (let count = -1; done < length && count !== 0; done += count)
        count = readSync(fd, bytes, done, length - done, offset + done)
      return done === length ? bytes : bytes.subarray(0, done)
    } finally {
      closeSync(fd)
    }
  } finally {
    reads.end()
  }
}

function readInPool(path: string, offset: number, length: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    open(path, READ, (openError, fd) => {
      if (openError !== null) return reject(openError)
      const bytes = Buffer.allocUnsafe(length)
      const end = (error: Error | null, done: number): void => {
        const failure = error ?? closeAtOnce(fd)
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

/** Into a file that is open, not synced. @returns how many bytes were written, maybe fewer than asked. */
export async function writeAt(fd: number, bytes: Uint8Array, position: number): Promise<number> {
  if (!writes.begin()) return writeInPool(fd, bytes, position)
  try {
    return writeSync(fd, bytes, 0, bytes.length, position)
  } finally {
    writes.end()
  }
}

function writeInPool(fd: number, bytes: Uint8Array, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, 0, bytes.length, position, (error, written) => (error === null ? resolve(written) : reject(error)))
  })
}

export async function syncData(fd: number): Promise<void> {
  if (!syncs.begin()) return syncInPool(fd)
  try {
    fdatasyncSync(fd)
  } finally {
    syncs.end()
  }
}

function syncInPool(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fdatasync(fd, (error) => (error === null ? resolve() : reject(error)))
  })
}

/** @returns what stands under a name, a link itself and not what it leads to; null: nothing. */
export async function lookAt(path: string): Promise<Stats | null> {
  try {
    if (!reads.begin()) return await lstat(path)
    try {
      return lstatSync(path, { throwIfNoEntry: false }) ?? null
    } finally {
      reads.end()
    }
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null
    throw error
  }
}

/** One that is not there yet, in a directory that is; its name is not synced. */
export async function makeNewDirectory(path: string): Promise<void> {
  const options = { mode: 0o700 }
  if (!creates.begin()) return mkdir(path, options)
  try {
    mkdirSync(path, options)
  } finally {
    creates.end()
  }
}

export function removeFile(path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    unlink(path, (error) => (error === null ? resolve() : reject(error)))
  })
}
