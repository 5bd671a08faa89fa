import type { CopyId, Slot } from '@holdfast/shared/ids'
import type { NamedCopy } from '@holdfast/shared/wire/shapes'
import type { Frame } from '../journal/journal-frame.ts'
import { type Leaf, leafOf } from './slot.ts'

interface SlotReplay {
  readonly slot: Slot
  /** The slot must hold this copy; it is null where the journal has nothing to put there. */
  readonly put: Frame | null
  /** These copies must not be there. */
  readonly gone: readonly NamedCopy[]
  /**
   * The journal put these other copies into the slot too, and no frame says that they ended. A slot is handed out again
   * when the end of its copy is
   * durable, so only frames that a damaged journal lost leave any.
   */
  readonly displaced: readonly Frame[]
}

export interface LeafReplay {
  readonly leaf: Leaf
  readonly slots: readonly SlotReplay[]
}

/** Plans what the frames of all segments ask for: of each copy the last frame counts, and of those in a slot the last decides. */
export function planReplay(frames: readonly Frame[]): LeafReplay[] {
  const slots = new Map<Slot, Map<CopyId, Frame>>()
  for (const frame of [...frames].sort((a, b) => a.sequence - b.sequence)) {
    const { slot, copyId } = frame.copy
    const lastOf = slots.get(slot) ?? new Map<CopyId, Frame>()
    // It is taken out first, because a map keeps the place of a key that it has.
    lastOf.delete(copyId)
    slots.set(slot, lastOf.set(copyId, frame))
  }
  const leaves = new Map<Leaf, SlotReplay[]>()
  for (const [slot, lastOf] of slots) {
    const planned = planSlot(slot, [...lastOf.values()])
    if (planned.put === null && planned.gone.length === 0 && planned.displaced.length === 0) continue
    const inLeaf = leaves.get(leafOf(slot)) ?? []
    inLeaf.push(planned)
    leaves.set(leafOf(slot), inLeaf)
  }
  return [...leaves].map(([leaf, inLeaf]) => ({ leaf, slots: inLeaf }))
}

/** @param frames are the last of each copy, in order. */
function planSlot(slot: Slot, frames: readonly Frame[]): SlotReplay {
  const gone = frames.filter(({ kind }) => kind === 'gone').map(({ copy }) => copy)
  const last = frames.findLast(({ kind }) => kind !== 'gone')
  const put = last?.kind === 'put' ? last : null
  return { slot, put, gone, displaced: frames.filter((frame) => frame.kind === 'put' && frame !== put) }
}
