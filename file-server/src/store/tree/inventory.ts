import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Slot } from '@holdfast/shared/ids'
import type { Logger } from '@holdfast/shared/node/logger'
import type { CopyPage, NamedCopy } from '@holdfast/shared/wire/shapes'
import type { Leaves } from './leaves.ts'
import { type Leaf, leafOf } from './slot.ts'
import { walkTree } from './walk.ts'

interface InventoryOptions {
  readonly leaves: Leaves
  /** This was the highest leaf at the start, so nothing above it is left from an earlier run. */
  readonly end: Leaf
  readonly log: Logger
  readonly signal: AbortSignal
}

/**
 * Loads every leaf of earlier runs, one at a time and behind whatever else waits, so that their free slots and gaps are
 * used again and the counts become true. @returns whether it saw everything.
 */
export async function takeInventory({ leaves, end, log, signal }: InventoryOptions): Promise<boolean> {
  let isComplete = true
  let next = 0
  for await (const event of walkTree(leaves.slots.root, 0 as Leaf)) {
    if (signal.aborted) return false
    if (event.kind === 'foreign') log.warn({ path: event.path }, 'a foreign entry in the tree is left alone')
    if (event.kind === 'empty') await leaves.slots.directories.prune(event.depth, event.prefix)
    if (event.kind !== 'leaf' || event.leaf > end) continue
    leaves.slots.free.addUnopened(next as Leaf, event.leaf)
    next = event.leaf + 1
    try {
      await leaves.load(event.leaf)
      await leaves.slots.pruneIfFree(event.leaf)
    } catch (error) {
      isComplete = false
      log.error({ err: error, leaf: event.leaf }, 'a directory could not be read')
    }
    await nextTurn()
  }
  leaves.slots.free.addUnopened(next as Leaf, end)
  return isComplete
}

/** @returns a page of the tree in slot order; the quarantine comes after its end. */
export async function listTree(leaves: Leaves, from: Slot, limit: number): Promise<CopyPage> {
  const copies: NamedCopy[] = []
  for await (const event of walkTree(leaves.slots.root, leafOf(from))) {
    if (event.kind !== 'leaf' || !(await leaves.load(event.leaf))) continue
    for (const copy of await leaves.listLeaf(event.leaf)) {
      if (copy.slot < from) continue
      if (copies.length === limit) return { where: 'tree', copies, next: { where: 'tree', slot: copy.slot } }
      copies.push(copy)
    }
  }
  return { where: 'tree', copies, next: { where: 'quarantine', slot: 0 as Slot } }
}
