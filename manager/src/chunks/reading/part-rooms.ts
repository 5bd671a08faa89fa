import { PART_BYTES } from '@holdfast/shared/limits'

/** How many wait for their next use at most: 32 MiB that a process keeps. */
const KEPT_PARTS = 8

/**
 * Memory for whole parts, used again by whichever download needs some next: V8 marks its whole heap for every 20 MiB or so of
 * fresh memory, an eighth of what a large download costs.
 */
export class PartRooms {
  readonly #free: Buffer[] = []

  /** @returns PART_BYTES that hold anything, or undefined where there are none to be used again. */
  take(): Buffer | undefined {
    return this.#free.pop()
  }

  /** @param part nobody reads or writes it any more. Only memory of its own that holds a whole part is kept. */
  giveBack(part: Buffer): void {
    if (part.buffer.byteLength === PART_BYTES && this.#free.length < KEPT_PARTS)
      this.#free.push(Buffer.from(part.buffer))
  }
}
