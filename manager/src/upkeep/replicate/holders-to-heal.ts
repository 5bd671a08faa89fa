import { type FileId, type ServerId, SLOT_COUNT } from '@holdfast/shared/ids'
import type { Holder } from '../../files/file.model.ts'
import type { HolderRecords, ShortRange, SlotPage } from '../../files/holder-records.ts'

const BATCH = 32
/** A sweep begins with so many slots, and takes more as long as it finds few holders in them. */
const FIRST_SLOTS = 1_024
/** A pass that is over begins again after so long while others go on, for some holders may have become short meanwhile. */
const PASS_EVERY_MS = 5_000
/** A lost file-server is swept again after so long, for a record may come to name it later: a manager slept, an upload paused. */
const SWEEP_EVERY_MS = 3_600_000

/** A sweep goes once over all that a lost file-server had. */
interface Sweep {
  /** The file-server was lost then. One that is lost again is swept again. */
  readonly lostAt: number
  pages: AsyncGenerator<SlotPage> | null
  /** It was handed out last, and is not dealt with yet. */
  page: SlotPage | null
  /** All slots before this one are dealt with. */
  nextSlot: number
  doneAt: number | null
  /** Counts what is still to be looked at, as far as it is known. */
  left: { chunks: number; bytes: number } | null
}

/** A pass goes once over the holders with `short` in some ranges. */
interface Pass {
  readonly ranges: readonly ShortRange[]
  batches: AsyncGenerator<Holder[]> | null
  begunAt: number
}

/**
 * Finds holders that may lack replicas. Those that `short` points at are read in two passes beside each other: the endangered
 * in one, and in the other those that have too much or have lost a chunk for good, so that many of these hide none of the
 * others. A pass that is not over goes on where it was. What a lost file-server had is swept.
 */
export class HoldersToHeal {
  readonly #holders: Pick<HolderRecords, 'walkShort' | 'walkSlots' | 'countChunksOn'>
  readonly #sweeps = new Map<ServerId, Sweep>()
  readonly #endangered: Pass
  readonly #others: Pass

  /** @param replicas is how many every chunk should have */
  constructor(holders: Pick<HolderRecords, 'walkShort' | 'walkSlots' | 'countChunksOn'>, replicas: number) {
    this.#holders = holders
    this.#endangered = newPass({ from: 1, below: replicas })
    this.#others = newPass({ from: replicas, below: Number.POSITIVE_INFINITY }, { from: 0, below: 1 })
  }

  /** Tells whether nothing is left to be looked at: then the next batch begins new passes. */
  get isPassOver(): boolean {
    const isRead = this.#endangered.batches === null && this.#others.batches === null
    return isRead && [...this.#sweeps.values()].every(({ doneAt }) => doneAt !== null)
  }

  /** Counts what the sweeps have still to look at; it is null where that is not known. */
  get left(): { readonly chunks: number; readonly bytes: number } | null {
    let sum = { chunks: 0, bytes: 0 }
    for (const { doneAt, left } of this.#sweeps.values()) {
      if (doneAt !== null) continue
      if (left === null) return null
      sum = { chunks: sum.chunks + left.chunks, bytes: sum.bytes + left.bytes }
    }
    return sum
  }

  /**
   * @param lost has the file-servers that are lost, each with when that was
   * @param onPass is called when a pass begins, in which those that could not be helped are met again
   */
  async next(lost: ReadonlyMap<ServerId, Date>, onPass: () => void): Promise<Holder[]> {
    const now = performance.now()
    const isAllOver = this.isPassOver
    for (const pass of [this.#endangered, this.#others]) {
      if (pass.batches !== null || !(isAllOver || now - pass.begunAt >= PASS_EVERY_MS)) continue
      pass.batches = this.#holders.walkShort(pass.ranges, BATCH)
      pass.begunAt = now
      if (pass === this.#endangered) onPass()
    }
    this.#keepSweepsOf(lost, now)
    const short = [...(await nextBatch(this.#endangered)), ...(await nextBatch(this.#others))]
    const found = [...short, ...(await this.#nextSwept())]
    return [...new Map(found.map((holder) => [holder._id.toHexString() as FileId, holder])).values()]
  }

  /**
   * Notes that the last batch was dealt with: `short` points at what is left of it. A sweep reads a page again that was not.
   * @param isCut whether much is left of the batch: then the most endangered holders come next again
   */
  noteSettled(isCut: boolean): void {
    if (isCut) {
      this.#endangered.batches?.return(undefined).catch(() => undefined)
      this.#endangered.batches = null
      this.#endangered.begunAt = Number.NEGATIVE_INFINITY
    }
    for (const [server, sweep] of this.#sweeps) {
      if (sweep.page === null) continue
      sweep.nextSlot = sweep.page.next
      sweep.left = sweep.left && takeOff(sweep.left, server, sweep.page.holders)
      sweep.page = null
    }
  }

  async #nextSwept(): Promise<readonly Holder[]> {
    for (const [server, sweep] of this.#sweeps) {
      if (sweep.doneAt !== null) continue
      const range = { from: sweep.nextSlot, to: SLOT_COUNT, width: FIRST_SLOTS }
      const kept = sweep.page === null ? sweep.pages : null
      const pages = kept ?? this.#holders.walkSlots(server, range, { limit: BATCH, storageClass: 'replicated' })
      sweep.pages = null
      const { value, done } = await pages.next()
      if (done === true) {
        sweep.doneAt = performance.now()
        continue
      }
      sweep.pages = pages
      sweep.page = value
      return value.holders
    }
    return []
  }

  #keepSweepsOf(lost: ReadonlyMap<ServerId, Date>, now: number): void {
    for (const server of this.#sweeps.keys()) if (!lost.has(server)) this.#sweeps.delete(server)
    for (const [server, at] of lost) {
      const known = this.#sweeps.get(server)
      const isFresh = known !== undefined && (known.doneAt === null || now - known.doneAt < SWEEP_EVERY_MS)
      if (isFresh && known.lostAt === at.getTime()) continue
      const sweep: Sweep = { lostAt: at.getTime(), pages: null, page: null, nextSlot: 0, doneAt: null, left: null }
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

function newPass(...ranges: ShortRange[]): Pass {
  return { ranges, batches: null, begunAt: Number.NEGATIVE_INFINITY }
}

async function nextBatch(pass: Pass): Promise<Holder[]> {
  const { batches } = pass
  if (batches === null) return []
  // A pass that fails is over, and the next one begins anew.
  pass.batches = null
  const { value, done } = await batches.next()
  if (done === true) return []
  pass.batches = batches
  return value
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
