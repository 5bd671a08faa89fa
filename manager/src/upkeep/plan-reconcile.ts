import { chunkNumberOf, type FileId, fileIdOf, type ServerId } from '@holdfast/shared/ids'
import type { CopyPage, NamedCopy } from '@holdfast/shared/wire/shapes'
import type { Chunk, Replica } from '../chunks/chunk.ts'
import type { Holder } from '../files/file.model.ts'

export interface PageVerdict {
  /** No record names these copies. They may still become wanted, because an upload's record comes after its bytes. */
  readonly orphans: readonly NamedCopy[]
  /** A record counts on these copies, which are in the quarantine. */
  readonly toRestore: readonly NamedCopy[]
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
  const isLeaving = (copy: NamedCopy): boolean => isAmong(chunkOf(copy)?.leaving, copy)
  return {
    orphans: page.copies.filter((copy) => !isCounted(copy) && !isLeaving(copy)),
    toRestore: page.where === 'quarantine' ? page.copies.filter(isCounted) : [],
  }
}

/** Finds copies that records name on a page's slots and that the page does not list. */
export function findMissing(server: ServerId, page: CopyPage, holders: readonly Holder[]): NamedCopy[] {
  const listed = new Set(page.copies.map((copy) => `${copy.slot}-${copy.copyId}`))
  return holders.flatMap((holder) =>
    holder.chunks.flatMap(({ sha256, replicas }) =>
      replicas
        .filter((replica) => replica.server === server && !listed.has(`${replica.slot}-${replica.copyId}`))
        .map(({ slot, copyId }) => ({ slot, copyId, sha256 })),
    ),
  )
}

/** So many orphans are believed where other copies have records: they are the uploads that a crash cut off. */
const BELIEVED_ORPHANS = 50
/** So many are believed where no copy has a record. */
const BELIEVED_WITHOUT_RECORDS = 5

/**
 * @returns whether so many copies without a record point at lost records rather than at lost uploads; a share of 100 never
 * does
 */
export function isUnlikelyShare(orphanCount: number, copyCount: number, maxSharePercent: number): boolean {
  const believed = orphanCount === copyCount ? BELIEVED_WITHOUT_RECORDS : BELIEVED_ORPHANS
  return orphanCount > believed && orphanCount * 100 > copyCount * maxSharePercent
}
