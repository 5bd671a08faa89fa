import { join } from 'node:path'
import type { Logger } from '@holdfast/shared/node/logger'
import type { NamedCopy } from '@holdfast/shared/wire/shapes'
import type { DiskCalls } from '../disk/disk-calls.ts'
import { isErrno } from '../disk/disk-health.ts'
import type { Frame } from '../journal/journal-frame.ts'
import type { Quarantine } from '../quarantine/quarantine.ts'
import { readNames } from './leaf-entries.ts'
import type { Leaves } from './leaves.ts'
import type { LeafReplay } from './replay-plan.ts'
import { copyPath, digitOf, leafOf, leafPath, parseLeafName } from './slot.ts'

interface ReplayDeps {
  readonly leaves: Leaves
  readonly quarantine: Quarantine
  readonly disk: DiskCalls
  readonly log: Logger
  /** Frames are missing, so that what a slot holds may be right although the journal does not know of it. */
  readonly isDamaged: boolean
}

/** Makes the tree hold what the journal says, before anybody else works in it. Doing it again changes nothing. */
export async function replay(plan: readonly LeafReplay[], deps: ReplayDeps) {
  const counts = { writtenCount: 0, removedCount: 0 }
  const { directories } = deps.leaves.slots
  for (const { leaf, slots } of plan) {
    const isPutInto = slots.some(({ put, displaced }) => put !== null || displaced.length > 0)
    if (!isPutInto && !(await directories.exists(leaf))) continue
    if (isPutInto) await directories.hold(leaf, 'made')
    const names = await readNames(deps.leaves.pathTo(leafPath(leaf)))
    for (const { put, gone, displaced } of slots) {
      for (const copy of gone) if (await removeCopy(copy, deps)) counts.removedCount++
      for (const frame of displaced) await keepDisplaced(frame, deps)
      const ended = [...gone, ...displaced.map(({ copy }) => copy)]
      if (put !== null && (await putCopy(put, names, ended, deps))) counts.writtenCount++
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
  deps: ReplayDeps,
): Promise<boolean> {
  const { leaves, log } = deps
  const path = leaves.pathTo(copyPath(copy))
  const isWhole = await holds(deps.disk, path, bytes)
  // The slot is cleared also where the copy is there: the next start would have to tell which of two is its own.
  const isCleared = await clearSlot(copy, names, ended, deps)
  if (!isCleared && !isWhole) {
    log.error({ ...copy }, 'the journal is damaged and the slot holds another copy: it was left alone')
    return false
  }
  await writeAnew({ copy, bytes }, deps)
  return !isWhole
}

/** Another frame displaced this put without saying what became of it, which only a damaged journal does. */
async function keepDisplaced(frame: Frame, deps: ReplayDeps): Promise<void> {
  const { leaves, quarantine, disk, log } = deps
  const path = leaves.pathTo(copyPath(frame.copy))
  log.error({ ...frame.copy }, 'the journal does not say what became of a copy: it goes to quarantine')
  await writeAnew(frame, deps)
  await disk.syncPath(path)
  await quarantine.accept(path, frame.copy)
}

/**
 * Writes a copy also where the right bytes are read: after a write-back that failed the page cache shows what the disk has not got, and
 * counts it as clean. A new file is written to the disk whatever became of the old one.
 */
async function writeAnew({ copy, bytes }: Pick<Frame, 'copy' | 'bytes'>, deps: ReplayDeps): Promise<void> {
  await removeCopy(copy, deps)
  await deps.disk.createFile(deps.leaves.pathTo(copyPath(copy)), bytes)
}

/** Clears a slot: what else is in it was deleted before the copy got it, or is an upload that was cut off. */
async function clearSlot(
  copy: NamedCopy,
  names: readonly string[],
  ended: readonly NamedCopy[],
  { leaves, quarantine, disk, isDamaged }: ReplayDeps,
): Promise<boolean> {
  const directory = leaves.pathTo(leafPath(leafOf(copy.slot)))
  for (const name of names) {
    const found = parseLeafName(name)
    if (found.kind === 'foreign' || found.digit !== digitOf(copy.slot) || found.copyId === copy.copyId) continue
    if (found.kind === 'unfinished') await disk.unlink(join(directory, name))
    else if (!ended.some(({ copyId }) => copyId === found.copyId)) {
      if (isDamaged) return false
      const { copyId, sha256 } = found
      await quarantine.accept(join(directory, name), { copyId, sha256, slot: copy.slot })
    }
  }
  return true
}

/** @returns whether there was one. */
async function removeCopy(copy: NamedCopy, { leaves, disk }: ReplayDeps): Promise<boolean> {
  try {
    await disk.unlink(leaves.pathTo(copyPath(copy)))
    return true
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false
    throw error
  }
}

async function holds(disk: DiskCalls, path: string, bytes: Buffer): Promise<boolean> {
  try {
    return (await disk.readSpan(path, 0, bytes.length + 1)).equals(bytes)
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ELOOP')) return false
    throw error
  }
}
