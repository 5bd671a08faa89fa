import { join } from 'node:path'
import type { Logger } from '@holdfast/shared/node/logger'
import type { NamedCopy } from '@holdfast/shared/wire/events'
import type { DiskCalls } from '../disk/disk-calls.ts'
import { isErrno } from '../disk/disk-health.ts'
import { readSpan } from '../disk/small-files.ts'
import type { Frame } from '../journal/journal-frame.ts'
import type { Quarantine } from '../quarantine/quarantine.ts'
import type { CopyTree } from './leaves.ts'
import { readNames } from './leaf-entries.ts'
import type { LeafReplay } from './replay-plan.ts'
import { copyPath, digitOf, leafOf, leafPath, parseLeafName } from './slot.ts'

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
    const isPutInto = slots.some(({ put, displaced }) => put !== null || displaced.length > 0)
    if (!isPutInto && !(await directories.exists(leaf))) continue
    if (isPutInto) await directories.hold(leaf, 'made')
    const names = await readNames(needs.tree.pathTo(leafPath(leaf)))
    for (const { put, gone, displaced } of slots) {
      for (const copy of gone) if (await removeCopy(copy, needs)) counts.removedCount++
      for (const frame of displaced) await keepDisplaced(frame, needs)
      const ended = [...gone, ...displaced.map(({ copy }) => copy)]
      if (put !== null && (await putCopy(put, names, ended, needs))) counts.writtenCount++
    }
    if (isPutInto) directories.release(leaf)
  }
  return counts
}

/** @returns whether it was missing or different. */
async function putCopy(
  { copy, bytes }: Frame,
  names: readonly string[],
  ended: readonly NamedCopy[],
  needs: ReplayNeeds,
): Promise<boolean> {
  const { tree, log } = needs
  const path = tree.pathTo(copyPath(copy))
  const isWhole = await holds(path, bytes)
  // Also where the copy is there: the next start would have to tell which of two is the slot's own.
  const isCleared = await clearSlot(copy, names, ended, needs)
  if (!isCleared && !isWhole) {
    log.error({ ...copy }, 'the journal is damaged and the slot holds another copy: it was left alone')
    return false
  }
  await writeAnew({ copy, bytes }, needs)
  return !isWhole
}

/** A put that another frame displaced without saying what became of it: only a damaged journal leaves one. */
async function keepDisplaced(frame: Frame, needs: ReplayNeeds): Promise<void> {
  const { tree, quarantine, disk, log } = needs
  const path = tree.pathTo(copyPath(frame.copy))
  log.error({ ...frame.copy }, 'the journal does not say what became of a copy: it goes to quarantine')
  await writeAnew(frame, needs)
  await disk.syncPath(path)
  await quarantine.accept(path, frame.copy)
}

/**
 * Also where the right bytes are read: after a write-back that failed the page cache shows what the disk has not got, and
 * counts it as clean. A new file is written to the disk whatever became of the old one.
 */
async function writeAnew({ copy, bytes }: Pick<Frame, 'copy' | 'bytes'>, needs: ReplayNeeds): Promise<void> {
  await removeCopy(copy, needs)
  await needs.disk.createFile(needs.tree.pathTo(copyPath(copy)), bytes)
}

/** What else is in the slot was deleted before the copy got it, or is an upload that was cut off. */
async function clearSlot(
  copy: NamedCopy,
  names: readonly string[],
  ended: readonly NamedCopy[],
  { tree, quarantine, disk, isDamaged }: ReplayNeeds,
): Promise<boolean> {
  const directory = tree.pathTo(leafPath(leafOf(copy.slot)))
  for (const name of names) {
    const found = parseLeafName(name)
    if (found.kind === 'foreign' || found.digit !== digitOf(copy.slot) || found.copyId === copy.copyId) continue
    if (found.kind === 'part') await disk.unlink(join(directory, name))
    else if (!ended.some(({ copyId }) => copyId === found.copyId)) {
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
