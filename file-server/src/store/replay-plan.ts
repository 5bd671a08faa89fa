import type { Slot } from '@holdfast/shared/ids'
import type { NamedCopy } from '@holdfast/shared/wire/events'
import type { Frame } from './journal-frame.ts'
import { type Leaf, leafOf } from './slot.ts'

interface SlotReplay {
  readonly slot: Slot
  /** The copy that the slot must hold; null where the journal has nothing to put there. */
  readonly put: Frame | null
  /** Copies that must not be there. */
  readonly gone: readonly NamedCopy[]
}

export interface LeafReplay {
  readonly leaf: Leaf
  readonly slots: readonly SlotReplay[]
}

/** What the frames of all segments ask for: for each slot the last one decides. */
export function planReplay(frames: readonly Frame[]): LeafReplay[] {
  const slots = new Map<Slot, { last: Frame; gone: NamedCopy[] }>()
  for (const frame of [...frames].sort((a, b) => a.sequence - b.sequence)) {
    const { slot } = frame.copy
    const known = slots.get(slot)
    const gone = known?.gone ?? []
    if (frame.kind === 'gone') gone.push(frame.copy)
    slots.set(slot, { last: frame, gone })
  }
  const leaves = new Map<Leaf, SlotReplay[]>()
  for (const [slot, { last, gone }] of slots) {
    const put = last.kind === 'put' ? last : null
    if (put === null && gone.length === 0) continue
    const inLeaf = leaves.get(leafOf(slot)) ?? []
    inLeaf.push({ slot, put, gone })
    leaves.set(leafOf(slot), inLeaf)
  }
  return [...leaves].map(([leaf, inLeaf]) => ({ leaf, slots: inLeaf }))
}
