import { spawn } from 'node:child_process'
import { constants } from 'node:fs'
import { type FileHandle, open, rename, statfs } from 'node:fs/promises'
import { syncDirectory } from '@holdfast/shared/node/make-directory'
import { createFile, removeFile, syncData, writeAt } from './small-files.ts'

export interface DiskRoom {
  readonly freeBytes: number
  readonly totalBytes: number
  /** null where the file system has no fixed number of them. */
  readonly freeInodes: number | null
}

/** The system calls that durability and room depend on; tests put recording and failing ones in their place. */
export interface DiskCalls {
  /** @returns how many bytes were written, maybe fewer than asked. */
  write(file: FileHandle, bytes: Uint8Array, offset: number, position: number): Promise<number>
  syncFile(file: FileHandle): Promise<void>
  rename(from: string, to: string): Promise<void>
  syncDirectory(directory: string): Promise<void>
  /** A copy at its place in the tree, not synced. */
  createFile(path: string, bytes: Uint8Array): Promise<void>
  unlink(path: string): Promise<void>
  /** @returns how many bytes were written, maybe fewer than asked. */
  writeJournal(fd: number, bytes: Uint8Array, position: number): Promise<number>
  syncJournal(fd: number): Promise<void>
  /** A file of an earlier moment, by its path. */
  syncPath(path: string): Promise<void>
  /** Everything on the directory's file system. */
  syncFileSystem(directory: string): Promise<void>
  readRoom(directory: string): Promise<DiskRoom>
}

// O_NONBLOCK: a FIFO under a copy's name must not block a thread for ever.
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

export const realDisk: DiskCalls = {
  async write(file, bytes, offset, position) {
    return (await file.write(bytes, offset, bytes.length - offset, position)).bytesWritten
  },
  syncFile: (file) => file.sync(),
  rename,
  syncDirectory,
  createFile,
  unlink: removeFile,
  writeJournal: writeAt,
  syncJournal: syncData,
  async syncPath(path) {
    const file = await open(path, READ)
    try {
      await file.sync()
    } finally {
      await file.close()
    }
  },
  // Node has no syncfs; `sync -f` of coreutils is one.
  syncFileSystem: (directory) => runSync('sync', ['-f', directory], SYNC_LIMIT_MS),
  async readRoom(directory) {
    const { bavail, blocks, bsize, ffree, files } = await statfs(directory)
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize, freeInodes: files === 0 ? null : ffree }
  },
}

/** A disk that takes longer than this to write everything back has failed. */
const SYNC_LIMIT_MS = 120_000

/** A call that the disk does not answer. */
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
