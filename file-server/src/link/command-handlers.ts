import { StoreError } from '@holdfast/shared/errors/store-error'
import { MAX_MESSAGE_BYTES } from '@holdfast/shared/limits'
import type { GroupedAnswer } from '@holdfast/shared/wire/answer-groups'
import { parseWire, wireSchemas } from '@holdfast/shared/wire/command-schemas'
import type { GroupedCommand, ManagerToFileServerEvents } from '@holdfast/shared/wire/events'
import type { Store } from '../store/store.ts'
import type { DataPort } from './data-port.ts'
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
  /** null: large downloads travel as stream frames. */
  readonly dataPort: DataPort | null
  /** Whether a manager on this machine may read large copies from the disk. */
  readonly allowsLocalReads: boolean
}

type Command = Exclude<keyof ManagerToFileServerEvents, 'challenge' | 'welcome' | 'commands'>
type Handler = (context: CommandContext, ...args: unknown[]) => Promise<object>
type GroupedHandler = (context: CommandContext, value: unknown, bytes: Uint8Array | null) => Promise<GroupedAnswer>

/** Commands on small bodies, which travel in groups: the whole body comes with the command, or goes with its ack. */
const groupedHandlers: Readonly<Record<GroupedCommand, GroupedHandler>> = {
  'upload-file': async ({ uploads }, value, bytes) => {
    const command = parseWire(wireSchemas.uploadFile, value)
    const startedAt = performance.now()
    const { copyId, slot, sizeBytes, sha256 } = await uploads.storeInline(command, bytesOf(bytes))
    const copy = { copyId, slot, sizeBytes, sha256 }
    return { result: { copy, workMs: Math.round(performance.now() - startedAt) }, bytes: null }
  },

  'download-file': async ({ store }, value) => {
    const { sizeBytes, offset, length, ...copy } = parseWire(wireSchemas.readFile, value)
    return { result: {}, bytes: await store.readCopy(copy, { sizeBytes, offset, length }) }
  },

  'delete-file': async ({ store, uploads }, value) => {
    const { copyId, slot } = parseWire(wireSchemas.deleteFile, value)
    const uploadedTo = await uploads.discard(copyId)
    const place = slot ?? uploadedTo
    return { result: { existed: place !== null && (await store.deleteCopy(copyId, place)) }, bytes: null }
  },
}

export function handleGrouped(
  context: CommandContext,
  command: unknown,
  value: unknown,
  bytes: Uint8Array | null,
): Promise<GroupedAnswer> {
  const handler = Object.hasOwn(groupedHandlers, String(command))
    ? groupedHandlers[command as GroupedCommand]
    : undefined
  if (handler === undefined) return Promise.reject(new StoreError('INVALID_REQUEST', 'no command of groups'))
  return handler(context, value, bytes)
}

/** Every other command a manager may send, once it has proved itself: what arrives in, what the ack holds out. */
export const commandHandlers: Readonly<Record<Command, Handler>> = {
  'upload-file': async ({ uploads, owner }, value) => {
    await uploads.open(parseWire(wireSchemas.openUpload, value), owner)
    return {}
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

  'open-data-port': async ({ streams, dataPort }) =>
    dataPort === null ? { port: null } : streams.grantDataConnection(dataPort),

  'download-file': async ({ store, streams }, value) => {
    const { copyId, slot, sha256, sizeBytes, offset, length, streamId, isRaw } = parseWire(
      wireSchemas.downloadFile,
      value,
    )
    const reader = await store.openCopy({ copyId, slot, sha256 })
    if (sizeBytes !== null && sizeBytes < reader.sizeBytes) {
      await reader[Symbol.asyncDispose]()
      throw new StoreError('COPY_MISMATCH', 'the copy is longer than its record says')
    }
    await streams.start(streamId, reader, { offset, length, isRaw })
    return {}
  },

  'locate-file': async ({ store, allowsLocalReads }, value) => {
    if (!allowsLocalReads) throw new StoreError('FORBIDDEN', 'LOCAL_READS is off')
    return store.locateCopy(parseWire(wireSchemas.namedCopy, value))
  },

  'transfer-file': async ({ store, streams }, value) => {
    const { copyId, slot, sha256, streamId } = parseWire(wireSchemas.transferFile, value)
    const reader = await store.openCopy({ copyId, slot, sha256 })
    const { sizeBytes } = reader
    await streams.start(streamId, reader, { offset: 0, length: sizeBytes, isRaw: false })
    return { sizeBytes }
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
