import type { Digest, Slot } from '@holdfast/shared/ids'

const LEAST_CAPACITY = 1_024
/** Marks an entry that was removed, so that a search goes on behind it. No slot is as high. */
const GONE = 0xffff_ffff
/** The index knows so many copies of one digest, the newest: any of them will do, and a search passes all of them. */
const MAX_SLOTS_OF_ONE = 16
/** The index holds at most this many copies, for which its table takes 4 GiB; no further one is found by its digest. */
const MAX_COPIES = 2 ** 27

/**
 * Finds slots of copies by digest. It takes some 16 bytes of memory for a copy, because it keeps 4 bytes of each digest and
 * leaves it to the caller to look whether the copy in a slot is the right one.
 */
export class DigestIndex {
  /**
   * An entry is the beginning of a digest and, one higher than it is, one slot; 0 is none. A digest has an entry for each of
   * its slots, with no empty place between them.
   */
  #prints = new Uint32Array(LEAST_CAPACITY)
  #slots = new Uint32Array(LEAST_CAPACITY)
  #liveCount = 0
  /** Counts the entries that were removed too, until the table is made anew. */
  #usedCount = 0

  add(sha256: Digest, slot: Slot): void {
    const print = printOf(sha256)
    const known = [...this.#entriesOf(print)]
    if (known.some((at) => this.#slots[at] === slot + 1)) return
    // Older copies are the likelier ones to go, so the newest take their places in turn.
    const replaced = known[slot % MAX_SLOTS_OF_ONE]
    if (known.length >= MAX_SLOTS_OF_ONE && replaced !== undefined) this.#slots[replaced] = slot + 1
    else if (this.#liveCount < MAX_COPIES) {
      this.#put(print, slot + 1)
      if (this.#usedCount * 2 > this.#slots.length) this.#rebuild()
    }
  }

  remove(sha256: Digest, slot: Slot): void {
    for (const at of this.#entriesOf(printOf(sha256))) {
      if (this.#slots[at] !== slot + 1) continue
      this.#slots[at] = GONE
      this.#liveCount--
      return
    }
  }

  /** @returns slots whose copies may have the digest */
  slotsOf(sha256: Digest): Slot[] {
    return [...this.#entriesOf(printOf(sha256))].map((at) => ((this.#slots[at] ?? 0) - 1) as Slot)
  }

  /** Gives the places of the entries. Nothing may be added meanwhile. */
  *#entriesOf(print: number): Generator<number> {
    const mask = this.#slots.length - 1
    for (let at = print & mask; this.#slots[at] !== 0; at = (at + 1) & mask)
      if (this.#prints[at] === print && this.#slots[at] !== GONE) yield at
  }

  #put(print: number, entry: number): void {
    const mask = this.#slots.length - 1
    let at = print & mask
    while (this.#slots[at] !== 0 && this.#slots[at] !== GONE) at = (at + 1) & mask
    if (this.#slots[at] === 0) this.#usedCount++
    this.#prints[at] = print
    this.#slots[at] = entry
    this.#liveCount++
  }

  #rebuild(): void {
    const [prints, slots] = [this.#prints, this.#slots]
    let capacity = LEAST_CAPACITY
    while (capacity < this.#liveCount * 4) capacity *= 2
    this.#prints = new Uint32Array(capacity)
    this.#slots = new Uint32Array(capacity)
    this.#liveCount = 0
    this.#usedCount = 0
    for (let from = 0; from < slots.length; from++) {
      const [print = 0, entry = 0] = [prints[from], slots[from]]
      if (entry !== 0 && entry !== GONE) this.#put(print, entry)
    }
  }
}

function printOf(sha256: Digest): number {
  return Number.parseInt(sha256.slice(0, 8), 16)
}
