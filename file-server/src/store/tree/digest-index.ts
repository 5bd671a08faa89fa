import type { Digest, Slot } from '@holdfast/shared/ids'

const LEAST_CAPACITY = 1_024
/** Marks an entry that was removed, so that a search goes on behind it. No slot is as high. */
const GONE = 0xffff_ffff
/** Marks an entry whose slots all stand in `#more`: to take one of very many out of a Set is slow once others are gone. */
const ELSEWHERE = 0xffff_fffe

/**
 * Finds the slots of copies by digest. It takes some 16 bytes of memory for a copy, because it keeps 4 bytes of each digest and
 * leaves it to the caller to look whether the copy in a slot is the right one. Many copies may have the same digest.
 */
export class DigestIndex {
  /** An entry is the beginning of a digest and, one higher than it is, one slot of those that have it; 0 is none. */
  #prints = new Uint32Array(LEAST_CAPACITY)
  #slots = new Uint32Array(LEAST_CAPACITY)
  #liveCount = 0
  /** Counts the entries that were removed too, until the table is made anew. */
  #usedCount = 0
  /** Has the further slots where one is not all. */
  readonly #more = new Map<number, Set<Slot>>()

  add(sha256: Digest, slot: Slot): void {
    const print = printOf(sha256)
    const at = this.#find(print)
    const entry = this.#slots[at]
    if (entry === ELSEWHERE) this.#slots[at] = slot + 1
    else if (entry !== 0) this.#more.set(print, (this.#more.get(print) ?? new Set()).add(slot))
    else {
      this.#put(at, print, slot + 1)
      if (this.#usedCount * 2 > this.#slots.length) this.#rebuild()
    }
  }

  remove(sha256: Digest, slot: Slot): void {
    const print = printOf(sha256)
    const more = this.#more.get(print)
    const at = this.#find(print)
    if (this.#slots[at] === slot + 1) this.#slots[at] = ELSEWHERE
    else more?.delete(slot)
    if (more?.size === 0) this.#more.delete(print)
    if (this.#slots[at] !== ELSEWHERE || this.#more.has(print)) return
    this.#slots[at] = GONE
    this.#liveCount--
  }

  /** @returns slots whose copies may have the digest */
  *slotsOf(sha256: Digest): Generator<Slot> {
    const print = printOf(sha256)
    const entry = this.#slots[this.#find(print)] ?? 0
    if (entry !== 0 && entry !== ELSEWHERE) yield (entry - 1) as Slot
    yield* this.#more.get(print) ?? []
  }

  /** @returns where the entry stands, or the empty place where it would */
  #find(print: number): number {
    const mask = this.#slots.length - 1
    for (let at = print & mask; ; at = (at + 1) & mask) {
      const slot = this.#slots[at]
      if (slot === 0 || (this.#prints[at] === print && slot !== GONE)) return at
    }
  }

  #put(at: number, print: number, entry: number): void {
    this.#prints[at] = print
    this.#slots[at] = entry
    this.#liveCount++
    this.#usedCount++
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
      if (entry !== 0 && entry !== GONE) this.#put(this.#find(print), print, entry)
    }
  }
}

function printOf(sha256: Digest): number {
  return Number.parseInt(sha256.slice(0, 8), 16)
}
