import { StoreError } from '@holdfast/shared/errors/store-error'
import { INLINE_MAX_BYTES, MAX_MESSAGE_BYTES } from '@holdfast/shared/limits'
import { parseWire, wireSchemas } from '@holdfast/shared/wire/command-schemas'
import type { ManagerToFileServerEvents } from '@holdfast/shared/wire/events'
import type { Store } from '../store/store.ts'
import type { OutgoingStreams } from './outgoing-stream.ts'
import type { SuspectClock } from './suspect-clock.ts'
import type { Uploads } from './uploads.ts'

export interface CommandContext {
  readonly store: Store
  readonly uploads: Uploads
  readonly suspects: SuspectClock
  /** Of the connection that the command came on. */
  readonly streams: OutgoingStreams
  readonly owner: object
}

type Command = Exclude<keyof ManagerToFileServerEvents, 'challenge' | 'welcome'>
type Handler = (context: CommandContext, ...args: unknown[]) => Promise<object>

/** Every command a manager may send, once it has proved itself: what arrives in, what the ack holds out. */
export const commandHandlers: Readonly<Record<Command, Handler>> = {
  'upload-file': async ({ uploads, owner }, value, bytes) => {
    const command = parseWire(wireSchemas.uploadFile, value)
    if (bytes === null) {
      await uploads.open(command, owner)
      return { kind: 'go-on' }
    }
    const startedAt = performance.now()
    const copy = await uploads.storeInline(command, bytesOf(bytes))
    return { kind: 'stored', copy, workMs: performance.now() - startedAt }
  },

  'upload-frame': async ({ uploads }, value, bytes) => {
    const { copyId, seq } = parseWire(wireSchemas.uploadFrame, value)
    await uploads.frame(copyId, seq, bytesOf(bytes))
    return {}
  },

  'upload-end': async ({ uploads }, value) => {
    const { copyId, frameCount } = parseWire(wireSchemas.uploadEnd, value)
    return { copy: await uploads.end(copyId, frameCount) }
  },

  'download-file': async ({ store, streams }, value) => {
    const { copyId, slot, sha256, offset, length, streamId } = parseWire(wireSchemas.downloadFile, value)
    const reader = await store.openCopy({ copyId, slot, sha256 })
    if (length > INLINE_MAX_BYTES) {
      await streams.start(streamId, reader, offset, length)
      return { kind: 'stream' }
    }
    await using open = reader
    return { kind: 'inline', bytes: length === 0 ? Buffer.alloc(0) : await open.read(offset, length) }
  },

  'transfer-file': async ({ store, streams }, value) => {
    const { copyId, slot, sha256, streamId } = parseWire(wireSchemas.transferFile, value)
    const reader = await store.openCopy({ copyId, slot, sha256 })
    const { sizeBytes } = reader
    await streams.start(streamId, reader, 0, sizeBytes)
    return { sizeBytes }
  },

  'delete-file': async ({ store, uploads }, value) => {
    const { copyId, slot } = parseWire(wireSchemas.deleteFile, value)
    const uploadedTo = await uploads.discard(copyId)
    const place = slot ?? uploadedTo
    return { existed: place !== null && (await store.deleteCopy(copyId, place)) }
  },

  'list-copies': async ({ store }, value) => {
    const { cursor, limit } = parseWire(wireSchemas.listCopies, value)
    return store.listCopies(cursor, limit)
  },

  'suspect-copies': async ({ suspects }, value) => {
    const { copies } = parseWire(wireSchemas.suspectCopies, value)
    return { agesMs: suspects.agesMs(copies) }
  },

  'quarantine-file': async ({ store }, value) => {
    await store.quarantineCopy(parseWire(wireSchemas.namedCopy, value))
    return {}
  },

  'restore-file': async ({ store }, value) => {
    await store.restoreCopy(parseWire(wireSchemas.namedCopy, value))
    return {}
  },

  'discard-file': async ({ store }, value) => {
    await store.discardCopy(parseWire(wireSchemas.namedCopy, value))
    return {}
  },
}

function bytesOf(value: unknown): Uint8Array {
  if (value instanceof Uint8Array && value.length <= MAX_MESSAGE_BYTES) return value
  throw new StoreError('INVALID_REQUEST', 'the message carries no bytes')
}
