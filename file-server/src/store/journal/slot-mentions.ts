import type { Slot } from '@holdfast/shared/ids'

/** Counts how many live frames of the journal name a slot, those that wait included. */
export class SlotMentions {
  readonly #counts = new Map<Slot, number>()

  has(slot: Slot): boolean {
    return this.#counts.has(slot)
  }

  add(slot: Slot): void {
    this.#counts.set(slot, (this.#counts.get(slot) ?? 0) + 1)
  }

  forget(slot: Slot): void {
    const left = (this.#counts.get(slot) ?? 0) - 1
    if (left > 0) this.#counts.set(slot, left)
    else this.#counts.delete(slot)
  }
}
