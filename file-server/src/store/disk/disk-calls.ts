import { spawn } from 'node:child_process'
import type { Stats } from 'node:fs'
import { type FileHandle, open, rename, statfs } from 'node:fs/promises'
import { release } from 'node:os'
import { syncDirectory } from '@holdfast/shared/node/make-directory'
import { READ_COPY } from './open-flags.ts'
import { removeFile, SmallFiles } from './small-files.ts'

export interface DiskRoom {
  readonly freeBytes: number
  readonly totalBytes: number
  /** It is null where the file system has no fixed number of inodes. */
  readonly freeInodes: number | null
}

/** One store asks these calls of its disk, and tests put recording and failing ones in their place. */
export interface DiskCalls {
  /** @returns how many bytes were written, maybe fewer than asked. */
  write(file: FileHandle, bytes: Uint8Array, offset: number, position: number): Promise<number>
  syncFile(file: FileHandle): Promise<void>
  rename(from: string, to: string): Promise<void>
  syncDirectory(directory: string): Promise<void>
  /** Makes a file with these bytes, and does not sync it. After an error there may be a file. */
  createFile(path: string, bytes: Uint8Array): Promise<void>
  /** Makes a directory that is not there yet, and does not sync its name. */
  makeDirectory(path: string): Promise<void>
  /** @returns up to `length` bytes of a file from `offset`, fewer where it ends before. */
  readSpan(path: string, offset: number, length: number): Promise<Buffer>
  /** @returns what stands under a name, which for a link is the link itself, or null where there is nothing */
  lookAt(path: string): Promise<Stats | null>
  unlink(path: string): Promise<void>
  /** @returns how many bytes were written, maybe fewer than asked. */
  writeJournal(fd: number, bytes: Uint8Array, position: number): Promise<number>
  syncJournal(fd: number): Promise<void>
  /** Syncs a file that is closed. */
  syncPath(path: string): Promise<void>
  /** Syncs everything on the directory's file system. @throws also where a failure would not be told */
  syncFileSystem(directory: string): Promise<void>
  readRoom(directory: string): Promise<DiskRoom>
}

interface Kernel {
  readonly platform: NodeJS.Platform
  readonly release: string
}

/** Each store has its own calls, so that what it learns of its disk's speed stays with it. */
export function openDisk(kernel: Kernel = { platform: process.platform, release: release() }): DiskCalls {
  const small = new SmallFiles()
  return {
    async write(file, bytes, offset, position) {
      return (await file.write(bytes, offset, bytes.length - offset, position)).bytesWritten
    },
    syncFile: (file) => file.sync(),
    rename,
    syncDirectory,
    createFile: (path, bytes) => small.createFile(path, bytes),
    makeDirectory: (path) => small.makeDirectory(path),
    readSpan: (path, offset, length) => small.readSpan(path, offset, length),
    lookAt: (path) => small.lookAt(path),
    unlink: removeFile,
    writeJournal: (fd, bytes, position) => small.writeAt(fd, bytes, position),
    syncJournal: (fd) => small.syncData(fd),
    async syncPath(path) {
      const file = await open(path, READ_COPY)
      try {
        await file.sync()
      } finally {
        await file.close()
      }
    },
    async syncFileSystem(directory) {
      if (!tellsFailuresOfSyncfs(kernel)) throw new Error('this kernel does not tell syncfs of a failed write-back')
      // Node has no syncfs; `sync -f` of coreutils is one.
      await runSync('sync', ['-f', directory], SYNC_LIMIT_MS)
    },
    async readRoom(directory) {
      const { bavail, blocks, bsize, ffree, files } = await statfs(directory)
      return { freeBytes: bavail * bsize, totalBytes: blocks * bsize, freeInodes: files === 0 ? null : ffree }
    },
  }
}

/** @returns whether syncfs fails after a failed write-back, as it does from Linux 5.8 on (syncfs(2)). */
export function tellsFailuresOfSyncfs({ platform, release }: Kernel): boolean {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(release) ?? []
  return platform === 'linux' && (Number(major) > 5 || (Number(major) === 5 && Number(minor) >= 8))
}

/** A disk that takes longer than this to write everything back has failed. */
const SYNC_LIMIT_MS = 120_000

/** Says that the disk does not answer a call. */
export class DiskHangsError extends Error {}

/** @throws DiskHangsError at the limit even where the process does not end: one that waits for a disk cannot be killed. */
export function runSync(command: string, args: readonly string[], limitMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'ignore' })
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      child.unref()
      reject(new DiskHangsError(`${command} did not end in ${limitMs} ms`))
    }, limitMs)
    child.once('error', (error) => {
      clearTimeout(timer)
      reject(error)
    })
    child.once('exit', (code, signal) => {
      clearTimeout(timer)
      if (code === 0) resolve()
      else reject(new Error(`${command} ended with ${code ?? signal}`))
    })
  })
}
