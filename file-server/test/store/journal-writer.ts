/**
 * This process stores and deletes small copies, and some large ones, until it is killed, and tells of each answer. Its
 * argument is a data directory.
 */
import { randomBytes } from 'node:crypto'
import { writeSync } from 'node:fs'
import { createLogger } from '@holdfast/shared/node/logger'
import { newCopyId } from '../../../shared/test/new-copy-id.ts'
import { openStore } from '../../src/store/open-store.ts'

const store = await openStore({
  dataDirectory: process.argv[2] ?? '',
  minFreeBytes: 0,
  log: createLogger('test', 'silent'),
  journal: { maxCopyBytes: 16 * 1024, segmentBytes: 256 * 1024 },
})
const tell = (kind: 'stored' | 'deleting' | 'deleted', copy: object): void => {
  writeSync(1, `${JSON.stringify({ kind, ...copy })}\n`)
}

async function storeForEver(): Promise<void> {
  for (let round = 0; ; round++) {
    const bytes = randomBytes(round % 7 === 0 ? 20_000 : 2_000)
    const { copyId, slot, sha256 } = await store.storeCopy(newCopyId(), bytes, null)
    tell('stored', { copyId, slot, sha256 })
    if (round % 3 !== 0) continue
    tell('deleting', { copyId, slot, sha256 })
    await store.deleteCopy(copyId, slot)
    tell('deleted', { copyId, slot, sha256 })
  }
}
await Promise.all(Array.from({ length: 8 }, storeForEver))
