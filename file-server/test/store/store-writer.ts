/**
 * This process stores and deletes copies until it is killed, and tells of each answer it got. Its argument is a data
 * directory.
 */
import { randomBytes } from 'node:crypto'
import { writeSync } from 'node:fs'
import { createLogger } from '@holdfast/shared/node/logger'
import { newCopyId } from '../../../shared/test/new-copy-id.ts'
import { openStore } from '../../src/store/open-store.ts'
import { put } from './new-copies.ts'

const store = await openStore({
  dataDirectory: process.argv[2] ?? '',
  minFreeBytes: 0,
  log: createLogger('test', 'silent'),
})
const tell = (kind: 'stored' | 'deleting', copy: object): void => {
  writeSync(1, `${JSON.stringify({ kind, ...copy })}\n`)
}

async function storeForEver(): Promise<void> {
  for (let round = 0; ; round++) {
    const { copyId, slot, sha256 } = await put(store, randomBytes(round % 3 === 0 ? 200_000 : 500), newCopyId())
    tell('stored', { copyId, slot, sha256 })
    if (round % 4 !== 0) continue
    tell('deleting', { copyId, slot, sha256 })
    await store.deleteCopy(copyId, slot)
  }
}
await Promise.all(Array.from({ length: 8 }, storeForEver))
