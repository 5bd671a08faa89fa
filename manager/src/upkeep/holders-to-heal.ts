import { type FileId, type ServerId, SLOT_COUNT } from '@holdfast/shared/ids'
import type { Holder } from '../files/file.model.ts'
import type { HolderRecords, SlotPage } from '../files/holder-records.ts'

const BATCH = 32
/** A sweep begins with so many slots, and takes more as long as it finds few holders in them. */
const FIRST_SLOTS = 1_024
/** While a sweep goes on, a pass that is over begins again after so long, for some may have become short meanwhile. */
const PASS_EVERY_MS = 5_000

/** A sweep goes once over all that a lost file-server had. */
interface Sweep {
  pages: AsyncGenerator<SlotPage> | null
  nextSlot: number
  isDone: boolean
  /** What is still to be looked at, as far as it is known. */
  left: { chunks: number; bytes: number } | null
}

/**
 * Finds holders that may lack replicas. Those that `short` points at are read in passes; a pass that is not over goes on where
 * it was, so that many which cannot be helped hide none that can. What a lost file-server had is swept once.
 */
export class HoldersToHeal {
  readonly #holders: HolderRecords
  readonly #sweeps = new Map<ServerId, Sweep>()
  #pass: AsyncGenerator<Holder[]> | null = null
  #passBegunAt = Number.NEGATIVE_INFINITY

  constructor(holders: HolderRecords) {
    this.#holders = holders
  }

  /** Whether nothing is left to be looked at: the next batch begins a new pass. */
  get isPassOver(): boolean {
    return this.#pass === null && [...this.#sweeps.values()].every(({ isDone }) => isDone)
  }

  /** What the sweeps have still to look at; null where that is not known. */
  get left(): { readonly chunks: number; readonly bytes: number } | null {
    let sum = { chunks: 0, bytes: 0 }
    for (const { isDone, left } of this.#sweeps.values()) {
      if (isDone) continue
      if (left === null) return null
      sum = { chunks: sum.chunks + left.chunks, bytes: sum.bytes + left.bytes }
    }
    return sum
  }

  /** @param onPass is called when a new pass begins, in which those that could not be helped are met again */
  async next(lost: ReadonlySet<ServerId>, onPass: () => void): Promise<Holder[]> {
    const now = performance.now()
    if (this.isPassOver || (this.#pass === null && now - this.#passBegunAt >= PASS_EVERY_MS)) {
      this.#pass = this.#holders.walkShort(BATCH)
      this.#passBegunAt = now
      onPass()
    }
    this.#keepSweepsOf(lost)
    const found = [...(await this.#nextShort()), ...(await this.#nextSwept())]
    return [...new Map(found.map((holder) => [holder._id.toHexString() as FileId, holder])).values()]
  }

  async #nextShort(): Promise<Holder[]> {
    const pass = this.#pass
    if (pass === null) return []
    // A pass that fails is over, and the next one begins anew.
    this.#pass = null
    const { value, done } = await pass.next()
    if (done === true) return []
    this.#pass = pass
    return value
  }

  async #nextSwept(): Promise<readonly Holder[]> {
    for (const [server, sweep] of this.#sweeps) {
      if (sweep.isDone) continue
      const range = { from: sweep.nextSlot, to: SLOT_COUNT, width: FIRST_SLOTS }
      const pages = sweep.pages ?? this.#holders.walkSlots(server, range, { limit: BATCH, storageClass: 'replicated' })
      sweep.pages = null
      const { value, done } = await pages.next()
      if (done === true) {
        sweep.isDone = true
        continue
      }
      sweep.pages = pages
      sweep.nextSlot = value.next
      sweep.left = sweep.left && takeOff(sweep.left, server, value.holders)
      return value.holders
    }
    return []
  }

  #keepSweepsOf(lost: ReadonlySet<ServerId>): void {
    for (const server of this.#sweeps.keys()) if (!lost.has(server)) this.#sweeps.delete(server)
    for (const server of lost) {
      if (this.#sweeps.has(server)) continue
      const sweep: Sweep = { pages: null, nextSlot: 0, isDone: false, left: null }
      this.#sweeps.set(server, sweep)
      // It is only told. Nobody waits for it, and without it nothing is told.
      this.#holders.countChunksOn(server).then(
        (count) => {
          sweep.left ??= count
        },
        () => undefined,
      )
    }
  }
}

function takeOff(
  { chunks, bytes }: { readonly chunks: number; readonly bytes: number },
  server: ServerId,
  holders: readonly Holder[],
): { chunks: number; bytes: number } {
  const seen = holders
    .flatMap((holder) => holder.chunks)
    .filter((chunk) => chunk.replicas.some((r) => r.server === server))
  const seenBytes = seen.reduce((sum, { size }) => sum + size, 0)
  return { chunks: Math.max(0, chunks - seen.length), bytes: Math.max(0, bytes - seenBytes) }
}
