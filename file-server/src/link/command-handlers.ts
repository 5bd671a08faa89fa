import { StoreError } from '@holdfast/shared/errors/store-error'
import type { Handlers, ManagerCommands } from '@holdfast/shared/wire/commands'
import { requireDigest } from '../http/verified-parts.ts'
import type { Store } from '../store/store.ts'
import { fetchChunk } from './fetch-chunk.ts'
import type { OutgoingStreams } from './outgoing-stream.ts'
import type { SuspectClock } from './suspect-clock.ts'
import type { Uploads } from './uploads.ts'

export interface CommandDeps {
  readonly store: Store
  readonly uploads: Uploads
  readonly suspects: SuspectClock
  /** These streams belong to the connection that the command came on. */
  readonly streams: OutgoingStreams
  readonly owner: object
  /** A manager on this machine may read large copies from the disk itself. */
  readonly allowsLocalReads: boolean
}

/** Carries out every command that a manager may send once it has proved itself. */
export function commandHandlers(deps: CommandDeps): Omit<Handlers<ManagerCommands>, 'challenge' | 'welcome'> {
  const { store, uploads, suspects, streams, owner, allowsLocalReads } = deps
  return {
    ...uploads.handlers(owner),

    'download-file': async ({ sizeBytes, offset, length, ...copy }) => ({
      bytes: await store.readCopy(copy, { sizeBytes, offset, length }),
    }),

    'open-download': async ({ copyId, slot, sha256, sizeBytes, offset, length, streamId }) => {
      const reader = await store.openCopy({ copyId, slot, sha256 })
      if (sizeBytes !== null && sizeBytes < reader.sizeBytes) {
        await reader[Symbol.asyncDispose]()
        throw new StoreError('COPY_MISMATCH', 'the copy is longer than its record says')
      }
      await streams.start(streamId, reader, { offset, length })
      return {}
    },

    'locate-file': async (copy) => {
      if (!allowsLocalReads) throw new StoreError('FORBIDDEN', 'LOCAL_READS is off')
      return store.locateCopy(copy)
    },

    'transfer-file': async ({ streamId, ...copy }) => {
      const reader = await store.openCopy(copy)
      const { sizeBytes } = reader
      await streams.start(streamId, reader, { offset: 0, length: sizeBytes })
      return { sizeBytes }
    },

    'fetch-file': async ({ copyId, sizeBytes, sha256, url, ticket }) => {
      const fetched = uploads.fetch({ copyId, sizeBytes, sha256 }, owner, (signal) => fetchChunk(url, ticket, signal))
      const { slot } = await fetched
      return { copy: { copyId, slot, sizeBytes, sha256 } }
    },

    'verify-file': async ({ sizeBytes, ...copy }) => {
      await using reader = await store.openCopy(copy)
      if (reader.sizeBytes < sizeBytes)
        throw new StoreError('COPY_NOT_FOUND', 'the copy is shorter than its record says')
      if (reader.sizeBytes > sizeBytes) throw new StoreError('COPY_MISMATCH', 'the copy is longer than its record says')
      await requireDigest(reader, copy.sha256)
      return {}
    },

    'delete-file': async ({ copyId, slot }) => {
      const uploadedTo = await uploads.discard(copyId)
      const place = slot ?? uploadedTo
      return { existed: place !== null && (await store.deleteCopy(copyId, place)) }
    },

    'list-copies': ({ cursor, limit }) => store.listCopies(cursor, limit),

    'suspect-copies': async ({ copies }) => ({ agesMs: suspects.agesMs(copies) }),

    'quarantine-file': async (copy) => {
      await store.quarantineCopy(copy)
      return {}
    },

    'restore-file': async (copy) => {
      await store.restoreCopy(copy)
      return {}
    },

    'discard-file': async (copy) => {
      await store.discardCopy(copy)
      return {}
    },
  }
}
