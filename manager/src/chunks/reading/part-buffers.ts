import { PART_BYTES } from '@holdfast/shared/limits'

/** At most so many buffers wait for their next use: a process keeps 32 MiB. */
const KEPT_PARTS = 8

/** One part is read into this memory. Whoever has the buffer owns the memory. */
export interface PartBuffer {
  readonly bytes: Buffer
  /**
   * Ends the ownership: neither the owner nor anything that it lent the memory to may use it after this call. A buffer that
   * is not given back is collected like any other.
   */
  giveBack(): void
}

/**
 * Keeps memory for whole parts, which the next download uses again: V8 marks its whole heap for every 20 MiB or so of fresh
 * memory, an eighth of what a large download costs.
 */
export class PartBuffers {
  readonly #free: Buffer[] = []

  /** A part that is not a whole one gets memory of just its length, for that is what its download was granted. */
  take(length: number): PartBuffer {
    if (length < PART_BYTES) return { bytes: Buffer.allocUnsafeSlow(length), giveBack: () => undefined }
    const bytes = this.#free.pop() ?? Buffer.allocUnsafeSlow(PART_BYTES)
    let isMine = true
    return {
      bytes,
      giveBack: () => {
        if (isMine && this.#free.length < KEPT_PARTS) this.#free.push(bytes)
        isMine = false
      },
    }
  }
}
