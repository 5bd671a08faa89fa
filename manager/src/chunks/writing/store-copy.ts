import { StoreError, toStoreError } from '@holdfast/shared/errors/store-error'
import type { PartKey } from '@holdfast/shared/ids'
import { PART_BYTES } from '@holdfast/shared/limits'
import { NO_TAGS, PART_TAG_BYTES } from '@holdfast/shared/node/part-digest'
import { managerCommands } from '@holdfast/shared/wire/commands'
import { sendFrames } from '@holdfast/shared/wire/send-frames'
import type { OpenUpload, StoredCopy, UploadFile } from '@holdfast/shared/wire/shapes'
import type { FileServerLink } from '../links/file-server-link.ts'
import { copyDeadlineMs } from './copy-deadline.ts'
import { cutFrames } from './cut-frames.ts'
import { deleteCopy } from './delete-copy.ts'

/** A small body that has no turn on the link by then is better off with another file-server. */
const TURN_DEADLINE_MS = 10_000

/** Somebody waits for the copy. The signal is asked for only where there is something to wait for, since making one costs. */
export interface Caller {
  readonly signal: AbortSignal
}

/** The bytes are sent all at once, or as a stream, which may throw to call the copy off before it is durable. */
export type CopySource =
  | { readonly kind: 'inline'; readonly bytes: Uint8Array }
  | {
      readonly kind: 'stream'
      readonly chunks: AsyncIterable<Uint8Array>
      /** The tags of the copy's parts are made with this key. It is null where a record has the tags already. */
      readonly partKey: PartKey | null
      /** The file-server may take this long to agree. Until it has, nothing is asked of `chunks`. */
      readonly openDeadlineMs?: number
    }

/**
 * Stores one copy on one file-server and waits until it is durable. After a failure nothing of it stays: the file-server is
 * told at once where it can be reached, and upkeep finds the orphan where not.
 */
export async function storeCopy(
  link: FileServerLink,
  command: UploadFile,
  source: CopySource,
  caller?: Caller,
): Promise<StoredCopy> {
  const { copyId, sizeBytes, sha256, requestId } = command
  try {
    const copy =
      source.kind === 'inline'
        ? await storeInline(link, command, source.bytes, caller)
        : await storeStream(link, { partKey: source.partKey, ...command }, source, caller?.signal)
    if (copy.copyId !== copyId) throw new StoreError('BAD_ANSWER', 'the ack names another copy')
    const tagCount = source.kind === 'stream' && source.partKey !== null ? Math.ceil(copy.sizeBytes / PART_BYTES) : 0
    if (copy.partTags.length !== tagCount * PART_TAG_BYTES)
      throw new StoreError('BAD_ANSWER', 'the ack has another number of part tags')
    if (sizeBytes !== null && copy.sizeBytes !== sizeBytes)
      throw new StoreError('DIGEST_MISMATCH', 'not all bytes arrived')
    if (sha256 !== null && copy.sha256 !== sha256) throw new StoreError('DIGEST_MISMATCH', 'other bytes were stored')
    return copy
  } catch (error) {
    // Nobody waits for this: the outcome is decided, and deleting what is not there is harmless.
    void deleteCopy(link, { copyId, slot: null, requestId }).catch(() => undefined)
    throw toStoreError(error)
  }
}

/** A body that was sent does not end with its client's connection, for all of it is here and soon durable. */
async function storeInline(
  link: FileServerLink,
  command: UploadFile,
  bytes: Uint8Array,
  caller: Caller | undefined,
): Promise<StoredCopy> {
  if (!link.outbound.tryAcquire(bytes.length))
    await link.outbound.acquire(bytes.length, caller?.signal, TURN_DEADLINE_MS)
  const sentAt = performance.now()
  let linkDelayMs: number | null = null
  try {
    const { copy, workMs } = await link.call('upload-file', { bytes, ...command })
    linkDelayMs = performance.now() - sentAt - workMs
    return { partTags: NO_TAGS, ...copy }
  } finally {
    link.outbound.release(bytes.length, linkDelayMs)
  }
}

async function storeStream(
  link: FileServerLink,
  command: OpenUpload,
  { chunks, openDeadlineMs }: Extract<CopySource, { kind: 'stream' }>,
  signal?: AbortSignal,
): Promise<StoredCopy> {
  await link.call('open-upload', command, {
    signal,
    ...(openDeadlineMs !== undefined && { deadlineMs: openDeadlineMs }),
  })
  const { copyId } = command
  const { frames } = link
  let sentBytes = 0
  const frameCount = await sendFrames(
    {
      budget: link.outbound,
      send: async (seq, bytes, stop) => {
        await link.call('upload-frame', { copyId, seq, bytes }, { signal: stop })
        // A file-server that is only busy answers somebody: it must not be left out for the others' sake.
        link.noteAnswer()
        sentBytes += bytes.length
      },
    },
    cutFrames(chunks, frames),
    signal,
  )
  // What the system has not written yet is written now, which on a slow disk takes long.
  const deadlineMs = copyDeadlineMs(sentBytes, managerCommands['upload-end'].deadlineMs)
  const { copy, bytes } = await link.call('upload-end', { copyId, frameCount }, { signal, deadlineMs })
  return { partTags: bytes, ...copy }
}
