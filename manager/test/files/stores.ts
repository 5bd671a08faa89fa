import { createHash } from 'node:crypto'
import type { CopyId, PartKey } from '@holdfast/shared/ids'
import { digestPart } from '@holdfast/shared/node/part-digest'
import type { OpenUpload } from '@holdfast/shared/wire/shapes'
import { chunkWriter } from '../../src/chunks/writing/chunk-writer.ts'
import { UploadMemory } from '../../src/chunks/writing/upload-memory.ts'
import { FileRecords } from '../../src/files/file-records.ts'
import { OpenFiles } from '../../src/files/open-files.ts'
import type { PutContext } from '../../src/files/put-file.ts'
import {
  type Ack,
  aHeartbeat,
  linkOf,
  type ScriptedFileServer,
  useSocketServer,
} from '../chunks/scripted-file-server.ts'
import { useDatabase } from '../mongo/mongo-fixture.ts'

/** A test need not wait for long with this. */
export const SILENCE_MS = 1_000

export const context = (
  signal = new AbortController().signal,
  stopReading: () => void = () => undefined,
): PutContext => ({ requestId: 'test', signal, stopReading })

/** Stores what comes, and knows which copies it has been told to delete. */
export class Stores {
  readonly copies = new Map<CopyId, Buffer>()
  readonly deleted: CopyId[] = []
  readonly #keys = new Map<CopyId, PartKey>()

  constructor(peer: ScriptedFileServer) {
    peer.answer('upload-file', ({ copyId }: { copyId: CopyId }, bytes: Buffer, ack: Ack) => {
      this.copies.set(copyId, bytes)
      ack({ ok: true, copy: this.#stored(copyId), workMs: 1 })
    })
    peer.answer('open-upload', ({ copyId, partKey }: OpenUpload, ack: Ack) => {
      if (partKey !== null) this.#keys.set(copyId, partKey)
      this.copies.set(copyId, Buffer.alloc(0))
      ack({ ok: true })
    })
    peer.answer('upload-frame', ({ copyId }: { copyId: CopyId }, bytes: Buffer, ack: Ack) => {
      this.copies.set(copyId, Buffer.concat([this.copies.get(copyId) ?? Buffer.alloc(0), bytes]))
      ack({ ok: true })
    })
    peer.answer('upload-end', ({ copyId }: { copyId: CopyId }, ack: Ack) =>
      ack({ ok: true, copy: this.#stored(copyId) }),
    )
    peer.answer('delete-file', ({ copyId }: { copyId: CopyId }, ack: Ack) => {
      this.deleted.push(copyId)
      ack({ ok: true, existed: this.copies.delete(copyId) })
    })
  }

  #tagsOf(copyId: CopyId, bytes: Buffer): Buffer {
    const key = this.#keys.get(copyId)
    return key === undefined || bytes.length === 0 ? Buffer.alloc(0) : digestPart({ key, chunk: 0, index: 0 }, bytes)
  }

  #stored(copyId: CopyId) {
    const bytes = this.copies.get(copyId) ?? Buffer.alloc(0)
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    return { copyId, slot: 4, sizeBytes: bytes.length, sha256, partTags: this.#tagsOf(copyId, bytes) }
  }
}

/** @returns what `putFile` works with over real MongoDB, and file-servers of which the first is tried first */
export function useStores() {
  const used = useDatabase()
  const { start } = useSocketServer()
  return {
    used,
    async fileServers(count: number, { memoryBytes = 64 * 1024 * 1024, silenceMs = 10_000 } = {}) {
      const { registry, dial } = await start()
      const peers: ScriptedFileServer[] = []
      for (let index = 0; index < count; index++) {
        // It has the fewest copies.
        const peer = dial({ heartbeat: { ...aHeartbeat, copyCount: index } })
        await linkOf(registry, peer)
        peers.push(peer)
      }
      const stores = peers.map((peer) => new Stores(peer))
      const [first, second] = peers
      if (first === undefined) throw new Error('no file-server')
      const deps = {
        writer: chunkWriter(registry, silenceMs),
        records: new FileRecords(used.model),
        openFiles: new OpenFiles(used.model),
        uploadMemory: new UploadMemory(memoryBytes),
        replicas: { replicas: 2, least: 1 },
      }
      return { deps, registry, first, second: second ?? first, peers, stores }
    },
  }
}
