import { StoreError } from '@holdfast/shared/errors/store-error'
import type { Logger } from '@holdfast/shared/node/logger'
import { type ByteSpan, type PartSpan, type PlacedChunk, partsOf, proofOfPart } from '../chunk.ts'
import type { FileServerRegistry } from '../registry.ts'
import type { PartBuffers } from './part-buffers.ts'
import { type PartRead, readPart } from './read-part.ts'

export interface ReadDeps {
  readonly registry: FileServerRegistry
  /** Parts are read into these, and a part that the client has gives its memory to a later one. */
  readonly buffers: PartBuffers
}

export interface ReadContext {
  readonly requestId: string
  readonly signal: AbortSignal
  readonly log: Logger
}

export interface ReadPlan {
  readonly chunks: readonly PlacedChunk[]
  readonly range: ByteSpan
  /**
   * Looks up the chunks again where no replica could be read, for one may have been moved. It gives null where nothing is
   * newer.
   */
  readonly lookAgain: () => Promise<readonly PlacedChunk[] | null>
}

export interface ReadPace {
  /** Whether the next part may be fetched while this one is on its way. */
  readonly isAhead: boolean
  /** Whether all that was handed out has left this process. */
  readonly isTaken: () => boolean
}

/**
 * Two parts at once on one link take twice as long each, so a second one is not asked for where a part comes near to its
 * deadline.
 */
const QUICK_PART_MS = 10_000

/**
 * Gives the bytes of a range, part by part, over as many chunks as it covers. Each part is verified before any of its bytes
 * is handed out, and the next one is fetched meanwhile. At most two are in memory. @throws FILE_UNAVAILABLE where no replica
 * gives a part that is right
 */
export async function* readChunks(
  deps: ReadDeps,
  plan: ReadPlan,
  context: ReadContext,
  { isAhead, isTaken }: ReadPace,
): AsyncGenerator<Buffer> {
  const reader = new ReplicaReader(deps, plan, context)
  const spans = partsOf(plan.chunks, plan.range).values()
  const coming: Promise<{ span: PartSpan; part: PartRead }>[] = []
  let isQuick = false
  const fetch = async (span: PartSpan): Promise<{ span: PartSpan; part: PartRead }> => {
    const askedAt = performance.now()
    const part = await reader.read(span)
    isQuick = performance.now() - askedAt < QUICK_PART_MS
    return { span, part }
  }
  const ask = (): void => {
    const { value: span } = spans.next()
    if (span === undefined) return
    const fetching = fetch(span)
    // Its failure is met when its turn comes, or never where the client is gone by then.
    fetching.catch(() => undefined)
    coming.push(fetching)
  }
  ask()
  for (let next = coming.shift(); next !== undefined; next = coming.shift()) {
    const { part, span } = await next
    if (isAhead && coming.length === 0) ask()
    yield part.bytes.subarray(span.from, span.to)
    const isGone = isTaken()
    if (isGone) part.giveBack()
    // A part that the client has yet to take is one of the two in memory.
    if ((isQuick && isGone) || coming.length === 0) ask()
  }
}

/** Reads and verifies parts from whichever replica of their chunk gives them. */
class ReplicaReader {
  readonly #deps: ReadDeps
  readonly #lookAgain: ReadPlan['lookAgain']
  readonly #context: ReadContext
  #chunks: readonly PlacedChunk[]

  constructor(deps: ReadDeps, { chunks, lookAgain }: ReadPlan, context: ReadContext) {
    this.#deps = deps
    this.#lookAgain = lookAgain
    this.#context = context
    this.#chunks = chunks
  }

  /** Tries every replica, then looks the chunks up once more, because a move may have replaced one. */
  async read(span: PartSpan): Promise<PartRead> {
    const known = this.#chunks[span.place.number]
    const part = known === undefined ? null : await this.#readFromReplicas(known, span)
    if (part !== null) return part
    const found = await this.#lookAgain()
    const again = found?.[span.place.number]
    if (found !== null && again !== undefined && again.chunk.version !== known?.chunk.version) {
      this.#chunks = found
      const moved = await this.#readFromReplicas(again, span)
      if (moved !== null) return moved
    }
    throw new StoreError('FILE_UNAVAILABLE')
  }

  async #readFromReplicas(place: PlacedChunk, { index, offset, length }: PartSpan): Promise<PartRead | null> {
    const { registry, buffers } = this.#deps
    const { requestId, log, signal } = this.#context
    const { chunk, number } = place
    const proof = proofOfPart(place, index)
    for (const { server, slot, copyId } of chunk.replicas) {
      const link = registry.find(server)
      if (link === undefined) continue
      const named = { copyId, slot, sha256: chunk.sha256 }
      const span = { sizeBytes: chunk.size, offset, length, requestId, method: proof.method, buffers }
      const where = { serverId: server, copyId, chunk: number, part: index }
      try {
        const part = await readPart(link, named, span, this.#context)
        if (part.digest.equals(proof.digest)) return part
        log.error(where, 'replica is damaged')
      } catch (error) {
        if (signal.aborted) throw error
        log.warn({ ...where, err: error }, 'replica not read')
      }
    }
    return null
  }
}
