import { join } from 'node:path'
import type { Logger } from '@holdfast/shared/node/logger'
import type { NamedCopy } from '@holdfast/shared/wire/events'
import type { CopyTree } from './copy-tree.ts'
import type { DiskCalls } from './disk-calls.ts'
import { isErrno } from './disk-health.ts'
import type { Frame } from './journal-frame.ts'
import { readNames } from './leaf-entries.ts'
import type { Quarantine } from './quarantine.ts'
import type { LeafReplay } from './replay-plan.ts'
import { copyPath, digitOf, leafOf, leafPath, parseLeafName } from './slot.ts'
import { readSpan } from './small-files.ts'

interface ReplayNeeds {
  readonly tree: CopyTree
  readonly quarantine: Quarantine
  readonly disk: DiskCalls
  readonly log: Logger
  /** Frames are missing, so what a slot holds may be right although the journal does not know of it. */
  readonly isDamaged: boolean
}

export interface ReplayCounts {
  writtenCount: number
  removedCount: number
}

/** Makes the tree hold what the journal says, before anybody else works in it. Doing it again changes nothing. */
export async function replay(plan: readonly LeafReplay[], needs: ReplayNeeds): Promise<ReplayCounts> {
  const counts = { writtenCount: 0, removedCount: 0 }
  const { directories } = needs.tree.slots
  for (const { leaf, slots } of plan) {
    const isPutInto = slots.some(({ put }) => put !== null)
    if (!isPutInto && !(await directories.exists(leaf))) continue
    if (isPutInto) await directories.hold(leaf, 'made')
    const names = await readNames(needs.tree.pathTo(leafPath(leaf)))
    for (const { put, gone } of slots) {
      for (const copy of gone) if (await removeCopy(copy, needs)) counts.removedCount++
      if (put !== null && (await putCopy(put, names, gone, needs))) counts.writtenCount++
    }
    if (isPutInto) directories.release(leaf)
  }
  return counts
}

/** @returns whether it had to be written. */
async function putCopy(
  { copy, bytes }: Frame,
  names: readonly string[],
  gone: readonly NamedCopy[],
  needs: ReplayNeeds,
): Promise<boolean> {
  const { tree, disk, log } = needs
  const path = tree.pathTo(copyPath(copy))
  // Also where the copy is there: the next start would have to tell which of two is the slot's own.
  const isCleared = await clearSlot(copy, names, gone, needs)
  if (await holds(path, bytes)) return false
  if (!isCleared) {
    log.error({ ...copy }, 'the journal is damaged and the slot holds another copy: it was left alone')
    return false
  }
  // Removed rather than written over: what stands there need not be a file of ours.
  await removeCopy(copy, needs)
  await disk.createFile(path, bytes)
  return true
}

/** What else is in the slot was deleted before the copy got it, or is an upload that was cut off. */
async function clearSlot(
  copy: NamedCopy,
  names: readonly string[],
  gone: readonly NamedCopy[],
  { tree, quarantine, disk, isDamaged }: ReplayNeeds,
): Promise<boolean> {
  const directory = tree.pathTo(leafPath(leafOf(copy.slot)))
  for (const name of names) {
    const found = parseLeafName(name)
    if (found.kind === 'foreign' || found.digit !== digitOf(copy.slot) || found.copyId === copy.copyId) continue
    if (found.kind === 'part') await disk.unlink(join(directory, name))
    else if (!gone.some(({ copyId }) => copyId === found.copyId)) {
      if (isDamaged) return false
      const { copyId, sha256 } = found
      await quarantine.accept(join(directory, name), { copyId, sha256, slot: copy.slot })
    }
  }
  return true
}

/** @returns whether there was one. */
async function removeCopy(copy: NamedCopy, { tree, disk }: ReplayNeeds): Promise<boolean> {
  try {
    await disk.unlink(tree.pathTo(copyPath(copy)))
    return true
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false
    throw error
  }
}

async function holds(path: string, bytes: Buffer): Promise<boolean> {
  try {
    return (await readSpan(path, 0, bytes.length + 1)).equals(bytes)
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ELOOP')) return false
    throw error
  }
}
