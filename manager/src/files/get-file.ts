import { StoreError } from '@holdfast/shared/errors/store-error'
import { PART_BYTES } from '@holdfast/shared/limits'
import type { Logger } from '@holdfast/shared/node/logger'
import { readPart } from '../chunks/reading/read-part.ts'
import type { FileServerRegistry } from '../chunks/registry.ts'
import { type ByteRange, type PartSpan, partsOf } from '../http/byte-range.ts'
import { type FileRecord, partProofOf } from './file.model.ts'
import type { FileRecords } from './file-records.ts'
import type { PartRooms } from '../chunks/reading/part-rooms.ts'

export interface DownloadParts {
  readonly registry: FileServerRegistry
  readonly records: FileRecords
}

export interface DownloadContext {
  readonly requestId: string
  readonly signal: AbortSignal
  readonly log: Logger
}

export interface DownloadPace {
  /** Whether the next part may be fetched while this one is on its way. */
  readonly isAhead: boolean
  /** Whether all that was handed out has left this process. */
  readonly isTaken: () => boolean
  /** Memory of parts that the client has is used for later ones. */
  readonly rooms: PartRooms
}

/**
 * A part, and memory for a whole one: another piece at each attempt, for one that failed may still be written to. A shorter
 * part takes as much as it is long, which is what its download was granted.
 */
type WantedPart = PartSpan & { readonly takeRoom: () => Buffer | undefined }

/** Two parts at once on one link take twice as long each: not where that comes near to a part's deadline. */
const QUICK_PART_MS = 10_000

interface FetchedPart {
  readonly span: PartSpan
  readonly whole: Buffer
}

/**
 * The bytes of a range, part by part. Each part is verified before any of its bytes is handed out; the next one is
 * fetched meanwhile. At most two are in memory. @throws FILE_UNAVAILABLE where no replica gives a part that is right
 */
export async function* downloadFile(
  parts: DownloadParts,
  record: FileRecord,
  range: ByteRange,
  context: DownloadContext,
  { isAhead, isTaken, rooms }: DownloadPace,
): AsyncGenerator<Buffer> {
  let current = record
  let isQuick = false
  const fetch = async (span: PartSpan): Promise<FetchedPart> => {
    const wanted = { ...span, takeRoom: () => rooms.take() }
    const askedAt = performance.now()
    const whole = await readVerified(parts, current, wanted, context, (moved) => {
      current = moved
    })
    isQuick = performance.now() - askedAt < QUICK_PART_MS
    return { span, whole }
  }
  const spans = partsOf(range, record.size, PART_BYTES).values()
  const coming: Promise<FetchedPart>[] = []
  const ask = (): void => {
    const { value: span } = spans.next()
    if (span === undefined) return
    const part = fetch(span)
    // Its failure is met when its turn comes, also where nobody asks for it any more.
    part.catch(() => undefined)
    coming.push(part)
  }
  ask()
  for (let next = coming.shift(); next !== undefined; next = coming.shift()) {
    const { whole, span } = await next
    if (isAhead && coming.length === 0) ask()
    yield whole.subarray(span.from, span.to)
    const isGone = isTaken()
    if (isGone) rooms.giveBack(whole)
    // What the client has yet to take is one of the two.
    if ((isQuick && isGone) || coming.length === 0) ask()
  }
}

/** Tries every replica, then reads the record once more: a transfer may have moved it. */
async function readVerified(
  parts: DownloadParts,
  record: FileRecord,
  span: WantedPart,
  context: DownloadContext,
  onMoved: (record: FileRecord) => void,
): Promise<Buffer> {
  const bytes = await readFromReplicas(parts.registry, record, span, context)
  if (bytes !== null) return bytes
  const again = await parts.records.findLiveById(record._id)
  if (again !== null && again.version !== record.version) {
    onMoved(again)
    const moved = await readFromReplicas(parts.registry, again, span, context)
    if (moved !== null) return moved
  }
  throw new StoreError('FILE_UNAVAILABLE')
}

async function readFromReplicas(
  registry: FileServerRegistry,
  record: FileRecord,
  span: WantedPart,
  context: DownloadContext,
): Promise<Buffer | null> {
  const { requestId } = context
  const [chunk] = record.chunks
  for (const { server, slot, copyId } of chunk?.replicas ?? []) {
    const link = registry.find(server)
    if (link === undefined || chunk === undefined) continue
    try {
      const { offset, length } = span
      const proof = partProofOf(record, span.index)
      const { bytes, digest } = await readPart(
        link,
        { copyId, slot, sha256: chunk.sha256 },
        {
          sizeBytes: chunk.size,
          offset,
          length,
          requestId,
          method: proof.method,
          room: length === PART_BYTES ? span.takeRoom() : undefined,
        },
        context,
      )
      if (digest.equals(proof.digest)) return bytes
      context.log.error({ fileId: record._id, serverId: server, copyId, part: span.index }, 'replica is damaged')
    } catch (error) {
      if (context.signal.aborted) throw error
      context.log.warn(
        { fileId: record._id, serverId: server, copyId, part: span.index, err: error },
        'replica not read',
      )
    }
  }
  return null
}
