import type { Slot } from '@holdfast/shared/ids'
import { MinHeap } from './min-heap.ts'
import { digitOf, type Leaf, leafOf, slotAt } from './slot.ts'

type Lowest =
  | { readonly kind: 'slot'; readonly slot: Slot }
  /** All that is lower is taken; this leaf has to be loaded to know its slots. */
  | { readonly kind: 'unopened'; readonly leaf: Leaf }

/**
 * Knows the slots that are free, lowest first: by a bit mask for every leaf that has some, and by ranges of leaves that were never
 * opened (the gaps below the high-water mark, and everything above it). Memory goes by leaves, not by slots.
 */
export class FreeSlots {
  readonly #leaves = new MinHeap()
  /** There is an entry, maybe 0, for exactly the leaves in the heap. */
  readonly #masks = new Map<number, number>()
  readonly #ranges = new MinHeap()
  readonly #rangeEnds = new Map<number, number>()

  /** @returns false where the slot was free already. */
  add(slot: Slot): boolean {
    const leaf = leafOf(slot)
    const mask = this.#masks.get(leaf)
    if (hasDigit(mask ?? 0, digitOf(slot))) return false
    if (mask === undefined) this.#leaves.push(leaf)
    this.#masks.set(leaf, (mask ?? 0) + 2 ** digitOf(slot))
    return true
  }

  /** Adds the leaves `from` to `to - 1`, none of which is loaded or in another range. */
  addUnopened(from: Leaf, to: number): void {
    if (from >= to) return
    this.#ranges.push(from)
    this.#rangeEnds.set(from, to)
  }

  /** Notes that the leaf has been loaded: what is free in it was added. */
  opened(leaf: Leaf): void {
    if (this.#ranges.top !== leaf) return
    const end = this.#rangeEnds.get(leaf) ?? 0
    this.#ranges.pop()
    this.#rangeEnds.delete(leaf)
    this.addUnopened((leaf + 1) as Leaf, end)
  }

  lowest(): Lowest | null {
    for (let leaf = this.#leaves.top; leaf !== undefined; leaf = this.#leaves.top) {
      const mask = this.#masks.get(leaf) ?? 0
      if (mask > 0) break
      this.#leaves.pop()
      this.#masks.delete(leaf)
    }
    const leaf = this.#leaves.top ?? Number.POSITIVE_INFINITY
    const unopened = this.#ranges.top ?? Number.POSITIVE_INFINITY
    if (unopened < leaf) return { kind: 'unopened', leaf: unopened as Leaf }
    if (leaf === Number.POSITIVE_INFINITY) return null
    return { kind: 'slot', slot: slotAt(leaf as Leaf, lowestDigit(this.#masks.get(leaf) ?? 0)) }
  }

  /** @returns whether the slot was free. */
  take(slot: Slot): boolean {
    const leaf = leafOf(slot)
    const mask = this.#masks.get(leaf) ?? 0
    if (!hasDigit(mask, digitOf(slot))) return false
    this.#masks.set(leaf, mask - 2 ** digitOf(slot))
    return true
  }

  /** Sees to it that nothing in this leaf is handed out. */
  dropLeaf(leaf: Leaf): void {
    if (this.#masks.has(leaf)) this.#masks.set(leaf, 0)
  }

  has(slot: Slot): boolean {
    return hasDigit(this.#masks.get(leafOf(slot)) ?? 0, digitOf(slot))
  }
}

/** A mask has 36 bits, and bit operations work on 32: it is looked at in halves. */
const HALF_DIGITS = 18
const HALF = 2 ** HALF_DIGITS

function hasDigit(mask: number, digit: number): boolean {
  const bits = digit < HALF_DIGITS ? (mask % HALF) >> digit : Math.floor(mask / HALF) >> (digit - HALF_DIGITS)
  return (bits & 1) === 1
}

/** @param mask not 0 */
function lowestDigit(mask: number): number {
  const low = mask % HALF
  return low === 0 ? HALF_DIGITS + lowestBit(Math.floor(mask / HALF)) : lowestBit(low)
}

function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits)
}
