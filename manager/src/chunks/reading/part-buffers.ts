import { PART_BYTES } from '@holdfast/shared/limits'

/** How many wait for their next use at most: 32 MiB that a process keeps. */
const KEPT_PARTS = 8

/** Memory that one part is read into. Whoever has the room owns the memory. */
export interface PartBuffer {
  readonly bytes: Buffer
  /** The owner reads and writes it no more, and neither does anything that it was lent to. Without this call the memory is collected as any other. */
  giveBack(): void
}

/**
 * Memory for whole parts, used again by whichever download needs some next: V8 marks its whole heap for every 20 MiB or so of
 * fresh memory, an eighth of what a large download costs.
 */
export class PartBuffers {
  readonly #free: Buffer[] = []

  /** @param length of the part. A shorter part than a whole one gets memory of just its length, which is what its download was granted. */
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
