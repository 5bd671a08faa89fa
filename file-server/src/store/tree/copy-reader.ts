import { type FileHandle, lstat, open } from 'node:fs/promises'
import { resolve } from 'node:path'
import { StoreError } from '@holdfast/shared/errors/store-error'
import type { LocatedFile } from '@holdfast/shared/wire/shapes'
import type { DiskCalls } from '../disk/disk-calls.ts'
import { isErrno, toDiskError } from '../disk/disk-health.ts'
import { READ_COPY } from '../disk/open-flags.ts'
import type { CopyReader } from '../store.ts'

const MISSING = ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO']

/** @returns fewer bytes where the file ends before, null where there is none. */
export async function readFileSpan(
  disk: DiskCalls,
  path: string,
  offset: number,
  length: number,
): Promise<Buffer | null> {
  try {
    return await disk.readSpan(path, offset, length)
  } catch (error) {
    if (isErrno(error, ...MISSING, 'EISDIR')) return null
    throw toDiskError(error)
  }
}

/** @returns null where there is no regular file of that name. */
export async function openReader(path: string): Promise<CopyReader | null> {
  let file: FileHandle
  try {
    file = await open(path, READ_COPY)
  } catch (error) {
    if (isErrno(error, ...MISSING)) return null
    throw toDiskError(error)
  }
  try {
    const found = await file.stat()
    if (found.isFile()) return new FileReader(file, found.size)
    await file.close()
    return null
  } catch (error) {
    await file.close()
    throw toDiskError(error)
  }
}

/** @returns null where there is no regular file of that name. */
export async function locateFile(path: string): Promise<LocatedFile | null> {
  try {
    const found = await lstat(path, { bigint: true })
    return found.isFile() ? { path: resolve(path), device: String(found.dev), inode: String(found.ino) } : null
  } catch (error) {
    if (isErrno(error, ...MISSING)) return null
    throw toDiskError(error)
  }
}

class FileReader implements CopyReader {
  readonly sizeBytes: number
  readonly #file: FileHandle

  constructor(file: FileHandle, sizeBytes: number) {
    this.#file = file
    this.sizeBytes = sizeBytes
  }

  async read(offset: number, bytes: Buffer): Promise<void> {
    const { length } = bytes
    if (offset + length > this.sizeBytes) throw new StoreError('COPY_NOT_FOUND', 'the copy is shorter than asked for')
    try {
      for (let done = 0; done < length; ) {
        const { bytesRead } = await this.#file.read(bytes, done, length - done, offset + done)
        if (bytesRead === 0) throw new StoreError('COPY_NOT_FOUND', 'the copy is shorter than it was')
        done += bytesRead
      }
    } catch (error) {
      throw toDiskError(error)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close()
  }
}
