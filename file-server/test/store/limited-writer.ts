/** This process stores a copy that is larger than it may write, then a small one. Its argument is a data directory. */
import { createLogger } from '@holdfast/shared/node/logger'
import { openStore } from '../../src/store/open-store.ts'
import { put } from './new-copies.ts'

const store = await openStore({
  dataDirectory: process.argv[2] ?? '',
  minFreeBytes: 0,
  log: createLogger('test', 'silent'),
})
try {
  await put(store, Buffer.alloc(2 * 1024 * 1024))
} catch (error) {
  console.log(error instanceof Error ? error.name : error)
}
console.log(`slot ${(await put(store, Buffer.from('small'))).slot}`)
console.log(store.status().isWritable ? 'writable' : 'not writable')
await store.close()
