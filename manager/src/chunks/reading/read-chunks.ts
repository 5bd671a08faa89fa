import { hasErrorName, StoreError } from '@holdfast/shared/errors/store-error'
import type { CopyId } from '@holdfast/shared/ids'
import type { Logger } from '@holdfast/shared/node/logger'
import type { BufferPool } from '@holdfast/shared/wire/buffer-pool'
import {
  type ByteSpan,
  type Chunk,
  type PartProof,
  type PartSpan,
  type PlacedChunk,
  partsOf,
  proofOfPart,
  type Replica,
} from '../chunk.ts'
import type { FileServerLink } from '../links/file-server-link.ts'
import type { FileServerRegistry } from '../registry.ts'
import { askInTurn, type Source, type Turn } from './ask-in-turn.ts'
import type { HedgeBudget } from './hedge-budget.ts'
import { orderReplicas } from './order-replicas.ts'
import { costOf, type NotedRead } from './read-history.ts'
import { type PartRead, readPart } from './read-part.ts'

export interface ReadDeps {
  readonly registry: FileServerRegistry
  /** Parts are read into these, and a part that the client has gives its memory to a later one. */
  readonly buffers: BufferPool
  /** All downloads of a manager share it. */
  readonly hedges: HedgeBudget
  /**
   * Is told of a replica whose bytes were wrong or missing, once for each part read, unless its record says so. It must return
   * at once and not throw.
   */
  readonly onBadReplica?: (replica: Replica, why: Damage) => void
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
  /** Tells whether the next part may be fetched while this one is on its way. */
  readonly isAhead: boolean
  /** Tells whether all that was handed out has left this process. */
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

type Damage = NonNullable<Replica['bad']>

/** The file-server that holds the replica is connected. */
interface HeldReplica {
  readonly replica: Replica
  readonly link: FileServerLink
}

interface WantedPart {
  readonly place: PlacedChunk
  readonly span: PartSpan
  readonly proof: PartProof
  /** These copies were reported already. */
  readonly marked: Set<CopyId>
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
    const marked = new Set<CopyId>()
    const known = this.#chunks[span.place.number]
    const part = known === undefined ? null : await this.#readFromReplicas(known, span, marked)
    if (part !== null) return part
    const found = await this.#lookAgain()
    const again = found?.[span.place.number]
    if (found !== null && again !== undefined && again.chunk.version !== known?.chunk.version) {
      this.#chunks = found
      const moved = await this.#readFromReplicas(again, span, marked)
      if (moved !== null) return moved
    }
    throw new StoreError('FILE_UNAVAILABLE')
  }

  #readFromReplicas(place: PlacedChunk, span: PartSpan, marked: Set<CopyId>): Promise<PartRead | null> {
    const wanted = { place, span, proof: proofOfPart(place, span.index), marked }
    const sources = this.#inOrder(place.chunk, span.length).map((held) => this.#sourceOf(held, wanted))
    return askInTurn(sources, this.#deps.hedges, this.#context)
  }

  /** A replica whose file-server is not connected is left out. */
  #inOrder({ replicas }: Chunk, length: number): HeldReplica[] {
    const { registry } = this.#deps
    const views = replicas.flatMap((replica) => {
      const link = registry.find(replica.server)
      if (link === undefined) return []
      const { isSilent, msPerByte, loadBytes } = link.readHistory.pace
      const isAnswering = registry.isActive(link) && !link.isSilent && !isSilent
      const isBad = replica.bad !== undefined
      return { replica, link, isBad, isAnswering, msPerByte, loadBytes: loadBytes + costOf(length) }
    })
    return views.length > 1 ? orderReplicas(views, Math.random) : views
  }

  #sourceOf({ replica, link }: HeldReplica, wanted: WantedPart): Source<PartRead> {
    const history = link.readHistory
    let noted: NotedRead | undefined
    return {
      ask: async (turn) => {
        const read = history.begin(wanted.span.length)
        noted = read
        const hear = (): void => {
          // Its readers noted the silence on the link, too, where it also keeps writers away.
          if (read.hear()) link.noteAnswer()
          turn.hear()
        }
        let part: PartRead | null = null
        try {
          part = await this.#readFrom({ replica, link }, wanted, turn, hear)
          return part
        } finally {
          read.end(part !== null)
        }
      },
      onGivenUp: () => noted?.giveUp(),
      onSilence: (quietMs) => {
        // One read may hang where others of the same file-server do not.
        if (history.quietMs < quietMs) return
        history.noteSilence()
        link.noteSilence()
      },
      onLate: (part) => part.giveBack(),
    }
  }

  /** @returns null where the replica does not give the part as it should be. @throws CANCELLED where the client is gone */
  async #readFrom(
    { replica, link }: HeldReplica,
    { place, span: { index, offset, length }, proof, marked }: WantedPart,
    turn: Turn,
    hear: () => void,
  ): Promise<PartRead | null> {
    const { buffers } = this.#deps
    const { requestId, log, signal } = this.#context
    const { chunk, number } = place
    const { server, slot, copyId } = replica
    const where = { serverId: server, copyId, chunk: number, part: index }
    const mark = (why: Damage): void => {
      if (replica.bad !== undefined || marked.has(copyId)) return
      marked.add(copyId)
      this.#deps.onBadReplica?.(replica, why)
    }
    try {
      const named = { copyId, slot, sha256: chunk.sha256 }
      const span = { sizeBytes: chunk.size, offset, length, requestId, method: proof.method, buffers, onFrame: hear }
      const part = await readPart(link, named, span, turn)
      hear()
      if (part.digest.equals(proof.digest)) return part
      log.error(where, 'replica is damaged')
      mark('damaged')
    } catch (error) {
      if (signal.aborted) throw error
      if (turn.isGivenUp && hasErrorName(error, 'CANCELLED')) return null
      const why = damageOf(error)
      if (why !== null) {
        hear()
        mark(why)
      }
      log.warn({ ...where, err: error }, 'replica not read')
    }
    return null
  }
}

/** @returns what a failure says of the replica, or null where it says only that the file-server or its link is in trouble */
function damageOf(error: unknown): Damage | null {
  // A file-server answers DISK_FAILED to a read where the disk does not give these bytes. It may give them later, and what is
  // missing counts again when it can be read.
  if (hasErrorName(error, 'COPY_NOT_FOUND', 'COPY_MISMATCH', 'DISK_FAILED')) return 'missing'
  return hasErrorName(error, 'DIGEST_MISMATCH') ? 'damaged' : null
}
