import { chunkNumberOf, type FileId, fileIdOf, type ServerId } from '@holdfast/shared/ids'
import type { CopyPage, NamedCopy } from '@holdfast/shared/wire/shapes'
import type { Chunk, PlacedChunk, Replica } from '../../chunks/chunk.ts'
import type { Holder, StorageClass } from '../../files/file.model.ts'

export interface PageVerdict {
  /** No record names these copies. They may still become wanted, because an upload's record comes after its bytes. */
  readonly orphans: readonly NamedCopy[]
  /** A record counts on these copies, which are in the quarantine. */
  readonly toRestore: readonly NamedCopy[]
  /** Records have these copies as missing, but they are there. */
  readonly toRecount: readonly PlacedReplica[]
}

export interface PlacedReplica {
  readonly place: PlacedChunk
  readonly replica: Replica
}

export interface MissingCopy extends NamedCopy {
  readonly storageClass: StorageClass
  /** Tells whether its record has it as missing already. */
  readonly isMarked: boolean
}

/**
 * Judges a page of a file-server's inventory by the holders of its chunks. A copy that is leaving is no orphan, for it is
 * deleted by name.
 */
export function judgePage(server: ServerId, page: CopyPage, holders: ReadonlyMap<FileId, Holder>): PageVerdict {
  const chunkOf = (copy: NamedCopy): Chunk | undefined =>
    holders.get(fileIdOf(copy.copyId))?.chunks[chunkNumberOf(copy.copyId)]
  const isAmong = (replicas: readonly Replica[] | undefined, copy: NamedCopy): boolean =>
    replicas?.some(
      ({ copyId, slot, ...at }) => copyId === copy.copyId && slot === copy.slot && at.server === server,
    ) === true
  const isCounted = (copy: NamedCopy): boolean => isAmong(chunkOf(copy)?.replicas, copy)
  const markedMissing = (copy: NamedCopy): PlacedReplica[] => {
    const chunk = chunkOf(copy)
    const replica = chunk?.replicas.find((known) => known.copyId === copy.copyId && known.bad === 'missing')
    if (chunk === undefined || replica === undefined || !isCounted(copy)) return []
    return [{ place: { number: chunkNumberOf(copy.copyId), chunk, partKey: undefined }, replica }]
  }
  const isLeaving = (copy: NamedCopy): boolean => isAmong(chunkOf(copy)?.leaving, copy)
  return {
    orphans: page.copies.filter((copy) => !isCounted(copy) && !isLeaving(copy)),
    toRestore: page.where === 'quarantine' ? page.copies.filter(isCounted) : [],
    toRecount: page.where === 'tree' ? page.copies.flatMap(markedMissing) : [],
  }
}

/** Finds copies that records name on a page's slots and that the page does not list. Nobody looks for a damaged one. */
export function findMissing(server: ServerId, page: CopyPage, holders: readonly Holder[]): MissingCopy[] {
  const listed = new Set(page.copies.map((copy) => `${copy.slot}-${copy.copyId}`))
  return holders.flatMap(({ storageClass, chunks }) =>
    chunks.flatMap(({ sha256, replicas }) =>
      replicas
        .filter((replica) => replica.server === server && !listed.has(`${replica.slot}-${replica.copyId}`))
        .filter(({ bad }) => bad !== 'damaged')
        .map(({ slot, copyId, bad }) => ({ slot, copyId, sha256, storageClass, isMarked: bad === 'missing' })),
    ),
  )
}

/** Up to this many orphans are believed where other copies have records: they are the uploads that a crash cut off. */
const BELIEVED_ORPHANS = 50
/** Up to this many are believed where no copy has a record. */
const BELIEVED_WITHOUT_RECORDS = 5

/**
 * @returns whether so many copies without a record point at lost records rather than at lost uploads, or so many missing ones
 * at a data directory that is not the right one rather than at lost copies; a share of 100 never does
 */
export function isUnlikelyShare(orphanCount: number, copyCount: number, maxSharePercent: number): boolean {
  const believed = orphanCount === copyCount ? BELIEVED_WITHOUT_RECORDS : BELIEVED_ORPHANS
  return orphanCount > believed && orphanCount * 100 > copyCount * maxSharePercent
}
