import { createHash } from 'node:crypto'
import { StoreError } from '@holdfast/shared/errors/store-error'
import type { Download } from '../store-client.ts'

/**
 * Passes the bytes of a download on as they come. @throws DIGEST_MISMATCH at the end, where they are not the file's.
 */
export async function* verifiedBytes(download: Download): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256')
  for await (const chunk of download.stream) {
    hash.update(chunk)
    yield chunk
  }
  const { sha256 } = download
  if (sha256 === null) throw new StoreError('DIGEST_MISMATCH', 'the server does not say what the digest is')
  const received = hash.digest('hex')
  if (received !== sha256) throw new StoreError('DIGEST_MISMATCH', `received ${received}, expected ${sha256}`)
}
