import { createHash } from 'node:crypto'
import type { Digest } from '@holdfast/shared/ids'

/** The SHA-256 of a copy, whose bytes come piece by piece. */
export interface CopyHash {
  /** Resolves when the bytes may change again. */
  update(bytes: Uint8Array): Promise<void>
  /** Once, at the end. */
  digest(): Promise<Digest>
  /** Nobody asks for it any more. After `digest` it does nothing. */
  drop(): void
}

/** In the event loop, for what is over before another thread would hear of it. */
export function hashHere(): CopyHash {
  const hash = createHash('sha256')
  return {
    update: async (bytes) => void hash.update(bytes),
    digest: async () => hash.digest('hex') as Digest,
    drop: () => undefined,
  }
}
