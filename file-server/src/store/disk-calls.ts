import { type FileHandle, rename, statfs } from 'node:fs/promises'
import { syncDirectory } from '@holdfast/shared/node/make-directory'

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
  readRoom(directory: string): Promise<DiskRoom>
}

export const realDisk: DiskCalls = {
  async write(file, bytes, offset, position) {
    return (await file.write(bytes, offset, bytes.length - offset, position)).bytesWritten
  },
  syncFile: (file) => file.sync(),
  rename,
  syncDirectory,
  async readRoom(directory) {
    const { bavail, blocks, bsize, ffree, files } = await statfs(directory)
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize, freeInodes: files === 0 ? null : ffree }
  },
}
