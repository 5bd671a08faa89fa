import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import type { Digest } from '@holdfast/shared/ids'
import { FRAME_BYTES } from '@holdfast/shared/limits'

export async function hashFile(path: string): Promise<Digest> {
  const hash = createHash('sha256')
  for await (const bytes of createReadStream(path, { highWaterMark: FRAME_BYTES })) hash.update(bytes)
  return hash.digest('hex') as Digest
}
