import { type FileId, fileIdOf, type ServerId } from '@holdfast/shared/ids'
import type { CopyPage, NamedCopy } from '@holdfast/shared/wire/events'
import type { PlacedRecord } from '../files/holder-records.ts'

export interface PageVerdict {
  /** No record names them. They may still become wanted: an upload's record comes after its bytes. */
  readonly orphans: readonly NamedCopy[]
  /** Quarantined, but a live file needs them. */
  readonly toRestore: readonly NamedCopy[]
}

/** Judges a page of a file-server's inventory by the records of its files. */
export function judgePage(server: ServerId, page: CopyPage, records: ReadonlyMap<FileId, PlacedRecord>): PageVerdict {
  const isNamed = (copy: NamedCopy): boolean => namesCopy(records.get(fileIdOf(copy.copyId)), server, copy)
  return {
    orphans: page.copies.filter((copy) => !isNamed(copy)),
    toRestore: page.where === 'quarantine' ? page.copies.filter(isNamed) : [],
  }
}

function namesCopy(record: PlacedRecord | undefined, server: ServerId, copy: Omit<NamedCopy, 'sha256'>): boolean {
  const replicas = record?.chunks?.flatMap((chunk) => chunk.replicas) ?? []
  return replicas.some(
    (replica) => replica.server === server && replica.slot === copy.slot && replica.copyId === copy.copyId,
  )
}

/** Copies that records name on a page's slots and that the page does not list. */
export function findMissing(server: ServerId, page: CopyPage, records: readonly PlacedRecord[]): NamedCopy[] {
  const listed = new Set(page.copies.map((copy) => `${copy.slot}-${copy.copyId}`))
  return records.flatMap((record) =>
    record.chunks.flatMap(({ sha256, replicas }) =>
      replicas
        .filter((replica) => replica.server === server && !listed.has(`${replica.slot}-${replica.copyId}`))
        .map(({ slot, copyId }) => ({ slot, copyId, sha256 })),
    ),
  )
}

/** So many orphans are believed where other copies have records: the uploads that a crash cut off. */
const BELIEVED_ORPHANS = 50
/** So many where no copy has one. */
const BELIEVED_WITHOUT_RECORDS = 5

/** Whether so many copies without a record point at lost records rather than at lost uploads. A share of 100 never does. */
export function isUnlikelyShare(orphanCount: number, copyCount: number, maxSharePercent: number): boolean {
  const believed = orphanCount === copyCount ? BELIEVED_WITHOUT_RECORDS : BELIEVED_ORPHANS
  return orphanCount > believed && orphanCount * 100 > copyCount * maxSharePercent
}
