import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import type { Digest } from '@holdfast/shared/ids'
import { FRAME_BYTES } from '@holdfast/shared/limits'
import { isErrno } from '../disk/disk-health.ts'

/** Reads a whole file. @returns null where there is none */
export async function hashFile(path: string): Promise<{ readonly sha256: Digest; readonly sizeBytes: number } | null> {
  const hash = createHash('sha256')
  let sizeBytes = 0
  try {
    for await (const bytes of createReadStream(path, { highWaterMark: FRAME_BYTES })) {
      hash.update(bytes)
      sizeBytes += bytes.length
    }
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null
    throw error
  }
  return { sha256: hash.digest('hex') as Digest, sizeBytes }
}
