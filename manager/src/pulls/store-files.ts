import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { INLINE_MAX_BYTES } from '@holdfast/shared/limits'
import { IncomingBytes } from '../bodies/incoming-bytes.ts'
import type { FileRecord, StorageClass } from '../files/file.model.ts'
import { type FileSource, type PutContext, type PutDeps, putFile } from '../files/put-file.ts'
import { type PlannedFile, quote } from './plan-files.ts'

const READ_BYTES = 512 * 1024
/** One look-up asks for at most this many names. */
const LOOK_UPS = 100

export interface StoreDeps extends PutDeps {
  /** Lets each file in as an upload. @throws StoreError */
  readonly admit: () => Disposable
}

/** @returns what is stored already under the names. @throws FILE_EXISTS where one of them has another size */
export async function findStored(
  { records }: Pick<StoreDeps, 'records'>,
  planned: readonly PlannedFile[],
): Promise<Map<PlannedFile, FileRecord>> {
  const stored = new Map<PlannedFile, FileRecord>()
  for (let start = 0; start < planned.length; start += LOOK_UPS) {
    const some = planned.slice(start, start + LOOK_UPS)
    const found = await Promise.all(some.map(({ name }) => records.findLive(name)))
    for (const [index, record] of found.entries()) {
      const file = some[index]
      if (record === null || file === undefined) continue
      if (record.size !== file.length) throw isOther(file)
      stored.set(file, record)
    }
  }
  return stored
}

export interface StoreWish {
  readonly planned: readonly PlannedFile[]
  /** @returns where a file was loaded to */
  readonly pathOf: (file: PlannedFile) => string
  readonly storageClass: StorageClass
  readonly requestId: string
  /** Hears of bytes that are read, or are stored already. */
  readonly onBytes: (bytes: number) => void
}

/**
 * Stores the files of a torrent, but for those that are stored already, as after a crash. None is stored where one would be
 * in the place of something else. @throws FILE_EXISTS, and as putFile does
 */
export async function storeFiles(deps: StoreDeps, wish: StoreWish, signal: AbortSignal): Promise<void> {
  const { planned, pathOf, onBytes } = wish
  const stored = await findStored(deps, planned)
  for (const [file, { sha256 }] of stored) if ((await digestOf(pathOf(file), signal)) !== sha256) throw isOther(file)
  for (const file of planned) {
    if (stored.has(file)) onBytes(file.length)
    else await store(deps, file, wish, signal)
  }
}

async function store(deps: StoreDeps, file: PlannedFile, wish: StoreWish, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  const { storageClass, requestId, pathOf, onBytes } = wish
  // What is read from the disk is never waited for.
  const context: PutContext = { requestId, signal, stopReading: () => undefined }
  using _ = deps.admit()
  await putFile(deps, await sourceOf(file, pathOf(file), onBytes), { storageClass, addressedBy: 'path' }, context)
}

async function sourceOf(
  { name, length }: PlannedFile,
  path: string,
  onBytes: StoreWish['onBytes'],
): Promise<FileSource> {
  const bytes =
    length <= INLINE_MAX_BYTES
      ? IncomingBytes.whole('binary', await readFile(path))
      : new IncomingBytes('binary', read(path, onBytes))
  const finish = async () => {
    if (length <= INLINE_MAX_BYTES) onBytes(length)
    if (bytes.readBytes === length) return name
    throw new StoreError('DIGEST_MISMATCH', `${quote(name)} is not as long on the disk as it was loaded`)
  }
  return { earlyName: name, bytes, finish }
}

/** The file is opened when somebody reads it, and closed when nobody does any more. */
async function* read(path: string, onBytes: StoreWish['onBytes']): AsyncGenerator<Buffer> {
  for await (const chunk of createReadStream(path, { highWaterMark: READ_BYTES })) {
    onBytes(chunk.length)
    yield chunk
  }
}

async function digestOf(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: READ_BYTES, signal })) hash.update(chunk)
  return hash.digest('hex')
}

function isOther({ name }: PlannedFile): StoreError {
  return new StoreError(
    'FILE_EXISTS',
    `${quote(name)} is there already, and is something else: nothing was stored in its place`,
  )
}
