import { createHash } from 'node:crypto'
import type { Digest } from '@holdfast/shared/ids'
import type { NamedCopy, StoredCopy } from '@holdfast/shared/wire/shapes'
import { newCopyId } from '../../../shared/test/new-copy-id.ts'
import type { Store } from '../../src/store/store.ts'

export function digestOf(bytes: Uint8Array): Digest {
  return createHash('sha256').update(bytes).digest('hex') as Digest
}

export async function put(store: Store, bytes: Uint8Array, copyId = newCopyId()): Promise<StoredCopy> {
  await using writer = await store.createCopy(copyId, bytes.length)
  await writer.write(bytes)
  return await writer.commit(null)
}

export async function get(store: Store, copy: NamedCopy): Promise<Buffer> {
  await using reader = await store.openCopy(named(copy))
  const bytes = Buffer.alloc(reader.sizeBytes)
  await reader.read(0, bytes)
  return bytes
}

export function named({ copyId, slot, sha256 }: NamedCopy): NamedCopy {
  return { copyId, slot, sha256 }
}
