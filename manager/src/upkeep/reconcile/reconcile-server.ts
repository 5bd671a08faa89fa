import { hasErrorName, StoreError } from '@holdfast/shared/errors/store-error'
import { fileIdOf, isPosted, type ServerId, SLOT_COUNT, type Slot } from '@holdfast/shared/ids'
import { INVENTORY_PAGE } from '@holdfast/shared/limits'
import { failpoint } from '@holdfast/shared/node/failpoint'
import type { Logger } from '@holdfast/shared/node/logger'
import type { BufferPool } from '@holdfast/shared/wire/buffer-pool'
import type { CopyPage, InventoryCursor, NamedCopy } from '@holdfast/shared/wire/shapes'
import type { FileServerLink } from '../../chunks/links/file-server-link.ts'
import { readPart } from '../../chunks/reading/read-part.ts'
import type { HolderRecords } from '../../files/holder-records.ts'
import { judgeCopy } from '../copy-replica.ts'
import { eachAtOnce } from '../each-at-once.ts'
import type { MissingShare } from '../file-server-directory.ts'
import type { Throttle } from '../throttle.ts'
import { findMissing, isUnlikelyShare, judgePage, type MissingCopy, type PlacedReplica } from './plan-reconcile.ts'

export interface ReconcileDeps {
  readonly holders: HolderRecords
  /** Says how many copies are missing, before any of them is marked, where they are an unlikely share; null where not. */
  readonly noteMissingShare: (server: ServerId, share: MissingShare | null) => Promise<void>
  readonly throttle: Throttle
  readonly buffers: BufferPool
  readonly log: Logger
}

export interface ReconcileLimits {
  /** An orphan is kept this long after it was first seen. */
  readonly graceMs: number
  readonly maxSharePercent: number
  /** One pass marks so many missing copies, 100,000 unless given. */
  readonly maxMarked?: number
}

export interface ReconcileReport {
  readonly copyCount: number
  readonly orphanCount: number
  readonly collectedCount: number
  readonly restoredCount: number
  readonly missingCount: number
  /** So many of those were the only copies of their files. It stops counting at `maxMarked`. */
  readonly missingSingleCount: number
  /** So many replicas were marked: they do not count, and will be replaced. */
  readonly markedCount: number
  /** So many that were missing are there again, and count. */
  readonly recountedCount: number
  /** Tells whether nothing that is missing is dropped, because all of it together is an unlikely share. */
  readonly isMissingShare: boolean
  /** Tells whether orphans past their grace were kept, because all orphans together are an unlikely share. */
  readonly isHalted: boolean
  /** Tells whether there are more missing copies to be marked than one pass marks. */
  readonly isCut: boolean
}

interface Orphan extends NamedCopy {
  readonly where: CopyPage['where']
}

/** One pass looks at so many orphans, and marks so many missing copies, and the next finds the rest. */
const MAX_ORPHANS = 100_000
const AT_ONCE = 16
/** One query reads at most this many holders when copies are missed. */
const HOLDERS_AT_ONCE = 2 * INVENTORY_PAGE

/** Compares one file-server's inventory with the records, both ways, and collects orphans past their grace period. */
export async function reconcileServer(
  deps: ReconcileDeps,
  link: FileServerLink,
  limits: ReconcileLimits,
  signal: AbortSignal,
): Promise<ReconcileReport> {
  const { holders, log } = deps
  const orphans: Orphan[] = []
  const toMark: MissingCopy[] = []
  const missingSingles: MissingCopy[] = []
  const { maxMarked = MAX_ORPHANS } = limits
  let [copyCount, orphanCount, restoredCount, missingCount, recountedCount] = [0, 0, 0, 0, 0]
  let postedCount = 0
  let isCut = false
  const isDone = moverOn(link, log)
  let cursor: InventoryCursor | null = { where: 'tree', slot: 0 as Slot }
  while (cursor !== null && !signal.aborted) {
    const page: CopyPage = await link.call('list-copies', { cursor, limit: INVENTORY_PAGE }, { signal })
    const found = await holders.findHolders([...new Set(page.copies.map((copy) => fileIdOf(copy.copyId)))])
    const verdict = judgePage(link.id, page, found)
    for (const copy of verdict.toRestore) {
      if (await isDone(copy, () => moveCopy(link, 'restore-file', copy))) restoredCount++
    }
    for (const copy of verdict.orphans) if (orphans.length < MAX_ORPHANS) orphans.push({ ...copy, where: page.where })
    if (page.where === 'tree') {
      for await (const copies of missingFrom(holders, link, cursor, page)) {
        missingCount += copies.length
        for (const copy of copies.filter(({ isMarked }) => !isMarked)) {
          const list = copy.storageClass === 'single' ? missingSingles : toMark
          if (list.length < maxMarked) list.push(copy)
          else isCut ||= list === toMark
        }
      }
      recountedCount += await recount(deps, link, verdict.toRecount, signal)
    }
    copyCount += page.copies.length
    orphanCount += verdict.orphans.length
    postedCount += verdict.orphans.filter(({ copyId }) => isPosted(copyId)).length
    cursor = page.next
  }

  const isMissingShare = isUnlikelyShare(missingCount, copyCount + missingCount, limits.maxSharePercent)
  const share = isMissingShare ? { missing: missingCount, copies: copyCount + missingCount } : null
  // A pass that was cut short has not seen all that is missing.
  if (!signal.aborted) await deps.noteMissingShare(link.id, share)
  const markedCount = await markMissing(deps, link, [...missingSingles, ...toMark], signal)

  const due = await findDue(link, orphans, limits.graceMs)
  // What came by the chunk port never had a record, so it says nothing of lost ones.
  const withRecord = due.filter(({ copyId }) => !isPosted(copyId))
  const [recordless, copies] = [orphanCount - postedCount, copyCount - postedCount]
  // All orphans count, not only those that are due, for records that are lost bit by bit make them due bit by bit.
  const isHalted = withRecord.length > 0 && isUnlikelyShare(recordless, copies, limits.maxSharePercent)
  let collectedCount = 0
  for (const orphan of isHalted ? due.filter(({ copyId }) => isPosted(copyId)) : due) {
    if (signal.aborted) break
    let isUnwanted = false
    const collect = async (): Promise<void> => {
      isUnwanted = await collectOrphan(holders, link, orphan)
    }
    if (!(await isDone(orphan, collect))) continue
    if (isUnwanted) collectedCount++
    else restoredCount++
  }
  const missingSingleCount = missingSingles.length
  const [seen, done] = [
    { copyCount, orphanCount, missingCount, missingSingleCount },
    { collectedCount, restoredCount, markedCount, recountedCount },
  ]
  return { ...seen, ...done, isMissingShare, isHalted, isCut }
}

/**
 * @returns what runs one move, and says whether it was made. A copy that cannot be moved (damaged, gone meanwhile, its slot
 * taken) keeps none of the others waiting. Where the disk fails nothing more is moved there in this pass.
 */
function moverOn(link: FileServerLink, log: Logger): (copy: NamedCopy, move: () => Promise<void>) => Promise<boolean> {
  let hasDiskFailed = false
  return async ({ copyId, slot }, move) => {
    if (hasDiskFailed) return false
    try {
      await move()
      return true
    } catch (error) {
      hasDiskFailed = hasErrorName(error, 'DISK_FAILED')
      if (!hasDiskFailed && !hasErrorName(error, 'COPY_NOT_FOUND', 'COPY_MISMATCH', 'DIGEST_MISMATCH')) throw error
      const what = hasDiskFailed ? 'copy not moved, nor any other in this pass: the disk failed' : 'copy not moved'
      log.warn({ serverId: link.id, copyId, slot, err: error }, what)
      return false
    }
  }
}

/**
 * Starts the clock of orphans. The file-server keeps it, so that it outlives this manager. @returns those that it was first
 * told of so long ago
 */
async function findDue(link: FileServerLink, orphans: readonly Orphan[], graceMs: number): Promise<Orphan[]> {
  const due: Orphan[] = []
  for (let start = 0; start < orphans.length; start += INVENTORY_PAGE) {
    const page = orphans.slice(start, start + INVENTORY_PAGE)
    const copies = page.map(({ copyId, slot, sha256 }) => ({ copyId, slot, sha256 }))
    const { agesMs } = await link.call('suspect-copies', { copies })
    if (agesMs.length !== copies.length) throw new StoreError('BAD_ANSWER', 'suspect-copies: unexpected ack')
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
  const isUnwanted = await holders.removals.renounceCopy({ copyId: orphan.copyId, server: link.id, slot: orphan.slot })
  await failpoint?.('manager.before-discard')
  await moveCopy(link, isUnwanted ? 'discard-file' : 'restore-file', orphan)
  return isUnwanted
}

async function moveCopy(
  link: FileServerLink,
  command: 'quarantine-file' | 'restore-file' | 'discard-file',
  { copyId, slot, sha256 }: NamedCopy,
): Promise<void> {
  await link.call(command, { copyId, slot, sha256 })
}

/** Finds copies that records name on a page's slots, and that are not there. */
async function* missingFrom(
  holders: HolderRecords,
  link: FileServerLink,
  cursor: InventoryCursor,
  page: CopyPage,
): AsyncGenerator<MissingCopy[]> {
  const [from, to] = [cursor.slot, page.next?.where === 'tree' ? page.next.slot : SLOT_COUNT]
  const walk = holders.walkSlots(link.id, { from, to, width: to - from }, { limit: HOLDERS_AT_ONCE })
  // A holder may have copies in other slots too, and is met there again.
  for (let start: number = from; ; ) {
    const { value, done } = await walk.next()
    if (done === true) return
    const unlisted = findMissing(link.id, page, value.holders).filter(({ slot }) => slot >= start && slot < value.next)
    const missing: MissingCopy[] = []
    await eachAtOnce(unlisted, AT_ONCE, async (copy) => {
      if (!(await isThere(link, copy))) missing.push(copy)
    })
    yield missing
    start = value.next
  }
}

/** Has missing replicas not count. A file of class `single` has no other, so that a human has to look for it. */
async function markMissing(
  { holders, log }: ReconcileDeps,
  link: FileServerLink,
  missing: readonly MissingCopy[],
  signal: AbortSignal,
): Promise<number> {
  let markedCount = 0
  await eachAtOnce(missing, AT_ONCE, async (copy) => {
    const { copyId, slot, storageClass } = copy
    // It may have been put back from the quarantine meanwhile.
    if (signal.aborted || (await isThere(link, copy))) return
    if (storageClass !== 'replicated')
      return log.error({ serverId: link.id, fileId: fileIdOf(copyId), slot }, 'copy is missing')
    await failpoint?.('manager.before-mark')
    if (await holders.markBad(copy, 'missing')) markedCount++
  })
  return markedCount
}

/** Has replicas count again that were missing and can be read. */
async function recount(
  { holders, throttle, buffers, log }: ReconcileDeps,
  link: FileServerLink,
  toRecount: readonly PlacedReplica[],
  signal: AbortSignal,
): Promise<number> {
  let recountedCount = 0
  await eachAtOnce(toRecount, AT_ONCE, async ({ place, replica }) => {
    await throttle.take(place.chunk.size, signal)
    if (signal.aborted) return
    const verdict = await judgeCopy(buffers, place, replica, link, signal)
    if (verdict !== 'sound')
      return log.warn(
        { serverId: link.id, copyId: replica.copyId, verdict },
        'a copy that was missing is there, but bad',
      )
    if (await holders.unmarkMissing(replica)) recountedCount++
  })
  return recountedCount
}

/** The page is a picture of a moment, so what came after it is asked for by name. */
async function isThere(link: FileServerLink, copy: NamedCopy): Promise<boolean> {
  try {
    await readPart(link, copy, { sizeBytes: null, offset: 0, length: 0, requestId: 'reconcile' })
    return true
  } catch (error) {
    // What the disk does not give is replaced, as it is where a reader meets it.
    if (hasErrorName(error, 'COPY_NOT_FOUND', 'COPY_MISMATCH', 'DISK_FAILED')) return false
    throw error
  }
}
