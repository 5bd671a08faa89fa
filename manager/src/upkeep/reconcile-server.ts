import { hasErrorName } from '@holdfast/shared/errors/store-error'
import { fileIdOf, type ServerId, SLOT_COUNT, type Slot } from '@holdfast/shared/ids'
import { INVENTORY_PAGE } from '@holdfast/shared/limits'
import { failpoint } from '@holdfast/shared/node/failpoint'
import type { Logger } from '@holdfast/shared/node/logger'
import type { CopyPage, InventoryCursor, NamedCopy } from '@holdfast/shared/wire/shapes'
import { listCopies, moveCopy, suspectCopies } from '../chunks/inventory.ts'
import type { FileServerLink } from '../chunks/links/file-server-link.ts'
import { readPart } from '../chunks/reading/read-part.ts'
import type { HolderRecords } from '../files/holder-records.ts'
import { findMissing, isUnlikelyShare, judgePage } from './plan-reconcile.ts'

export interface ReconcileLimits {
  /** An orphan is kept this long after it was first seen. */
  readonly graceMs: number
  readonly maxSharePercent: number
}

export interface ReconcileReport {
  readonly copyCount: number
  readonly orphanCount: number
  readonly collectedCount: number
  readonly restoredCount: number
  readonly missingCount: number
  /** Whether orphans past their grace were kept, because all orphans together are an unlikely share. */
  readonly isHalted: boolean
}

interface Orphan extends NamedCopy {
  readonly where: CopyPage['where']
}

/** One pass looks at so many orphans, and the next finds the rest. */
const MAX_ORPHANS = 100_000

/** Compares one file-server's inventory with the records, both ways, and collects orphans past their grace period. */
export async function reconcileServer(
  holders: HolderRecords,
  link: FileServerLink,
  limits: ReconcileLimits,
  log: Logger,
  signal: AbortSignal,
): Promise<ReconcileReport> {
  const orphans: Orphan[] = []
  let [copyCount, orphanCount, restoredCount, missingCount] = [0, 0, 0, 0]
  let cursor: InventoryCursor | null = { where: 'tree', slot: 0 as Slot }
  while (cursor !== null && !signal.aborted) {
    const page: CopyPage = await listCopies(link, cursor, signal)
    const found = await holders.findHolders([...new Set(page.copies.map((copy) => fileIdOf(copy.copyId)))])
    const verdict = judgePage(link.id, page, found)
    for (const copy of verdict.toRestore) {
      if (await isDone(link, copy, log, () => moveCopy(link, 'restore-file', copy))) restoredCount++
    }
    for (const copy of verdict.orphans) if (orphans.length < MAX_ORPHANS) orphans.push({ ...copy, where: page.where })
    if (page.where === 'tree') missingCount += await countMissing(holders, link, cursor, page, log)
    copyCount += page.copies.length
    orphanCount += verdict.orphans.length
    cursor = page.next
  }

  const due = await findDue(link, orphans, limits.graceMs)
  // All orphans count, not only those that are due, for records that are lost bit by bit make them due bit by bit.
  const isHalted = due.length > 0 && isUnlikelyShare(orphanCount, copyCount, limits.maxSharePercent)
  let collectedCount = 0
  for (const orphan of isHalted ? [] : due) {
    if (signal.aborted) break
    let isUnwanted = false
    const collect = async (): Promise<void> => {
      isUnwanted = await collectOrphan(holders, link, orphan)
    }
    if (!(await isDone(link, orphan, log, collect))) continue
    if (isUnwanted) collectedCount++
    else restoredCount++
  }
  return { copyCount, orphanCount, collectedCount, restoredCount, missingCount, isHalted }
}

/** Runs one move. A copy that cannot be moved (damaged, gone meanwhile, its slot taken) keeps none of the others waiting. */
async function isDone(
  link: FileServerLink,
  { copyId, slot }: NamedCopy,
  log: Logger,
  move: () => Promise<void>,
): Promise<boolean> {
  try {
    await move()
    return true
  } catch (error) {
    if (!hasErrorName(error, 'COPY_NOT_FOUND', 'COPY_MISMATCH', 'DIGEST_MISMATCH')) throw error
    log.warn({ serverId: link.id, copyId, slot, err: error }, 'copy not moved')
    return false
  }
}

async function findDue(link: FileServerLink, orphans: readonly Orphan[], graceMs: number): Promise<Orphan[]> {
  const due: Orphan[] = []
  for (let start = 0; start < orphans.length; start += INVENTORY_PAGE) {
    const page = orphans.slice(start, start + INVENTORY_PAGE)
    const agesMs = await suspectCopies(
      link,
      page.map(({ copyId, slot, sha256 }) => ({ copyId, slot, sha256 })),
    )
    due.push(...page.filter((_orphan, index) => (agesMs[index] ?? 0) >= graceMs))
  }
  return due
}

/**
 * Quarantines an orphan first, renounces it for ever second, and discards it last. A failure between two steps leaves a
 * quarantined copy, which the next pass judges again. @returns false where a record came to name it: then it is put back
 */
async function collectOrphan(holders: HolderRecords, link: FileServerLink, orphan: Orphan): Promise<boolean> {
  await failpoint?.('manager.before-quarantine')
  if (orphan.where === 'tree') await moveCopy(link, 'quarantine-file', orphan)
  await failpoint?.('manager.before-renounce')
  const isUnwanted = await holders.renounceCopy({ copyId: orphan.copyId, server: link.id, slot: orphan.slot })
  await failpoint?.('manager.before-discard')
  await moveCopy(link, isUnwanted ? 'discard-file' : 'restore-file', orphan)
  return isUnwanted
}

async function countMissing(
  holders: HolderRecords,
  link: FileServerLink,
  cursor: InventoryCursor,
  page: CopyPage,
  log: Logger,
): Promise<number> {
  const end = page.next?.where === 'tree' ? page.next.slot : SLOT_COUNT
  const named = await holders.findInSlots(link.id, cursor.slot, end, 2 * INVENTORY_PAGE)
  let missingCount = 0
  for (const copy of findMissing(link.id, page, named)) {
    if (copy.slot < cursor.slot || copy.slot >= end || (await isThere(link, copy))) continue
    missingCount++
    log.error({ serverId: link.id, fileId: fileIdOf(copy.copyId), slot: copy.slot }, 'copy is missing')
  }
  return missingCount
}

/** The page is a picture of a moment, so what came after it is asked for by name. */
async function isThere(link: FileServerLink, copy: NamedCopy): Promise<boolean> {
  try {
    await readPart(link, copy, { sizeBytes: null, offset: 0, length: 0, requestId: 'reconcile' })
    return true
  } catch (error) {
    if (hasErrorName(error, 'COPY_NOT_FOUND', 'COPY_MISMATCH')) return false
    throw error
  }
}

/** Remembers when each file-server was last reconciled, and tells which are due. */
export class ReconcileSchedule {
  readonly #doneAt = new Map<ServerId, number>()

  isDue(id: ServerId, now: number, everyMs: number): boolean {
    return now - (this.#doneAt.get(id) ?? Number.NEGATIVE_INFINITY) >= everyMs
  }

  done(id: ServerId, now: number): void {
    this.#doneAt.set(id, now)
  }
}
