import { randomBytes } from 'node:crypto'
import { StoreError } from '@holdfast/shared/errors/store-error'
import type { FileName } from '@holdfast/shared/file-name'
import type { mongo, Types } from 'mongoose'
import { DURABLE } from '../mongo/database.ts'
import { ending, type FileRecord, visible } from './file.model.ts'

/** Judges the version that a change is about to end. @returns why it must not end, or null */
export type Objection = (record: FileRecord) => StoreError | null

export interface Deletion {
  readonly name: FileName
  readonly objection: Objection
}

/** @returns the names without repetitions, and as plain texts: `$in` would take a pattern of the language for one */
function namesIn(names: readonly FileName[]): FileName[] {
  return [...new Set(names.map((name) => String(name) as FileName))]
}

/** Looks up many names with one read. @returns the live record of each, or null, in their order */
export async function lookUpAll(
  collection: mongo.Collection<FileRecord>,
  names: readonly FileName[],
): Promise<(FileRecord | null)[]> {
  const found = await collection.find({ name: { $in: namesIn(names) }, addressedBy: 'path', ...visible() }).toArray()
  const byName = new Map(found.map((record) => [record.name, record as FileRecord]))
  return names.map((name) => byName.get(name) ?? null)
}

/** A file that is replaced while it is deleted is looked up so often. */
const DELETE_ATTEMPTS = 20

/**
 * Deletes the live files of many names with one update, and those that were replaced meanwhile with another. A bulk result does not say which of them it was, so each record is
 * stamped with this group and read back, with the replicas that it has from then on. @returns for each the deleted record;
 * its objection, or OVERLOADED; null where there was none, or where another caller's delete was first
 */
export async function deleteAll(
  collection: mongo.Collection<FileRecord>,
  deletions: readonly Deletion[],
  attempts = DELETE_ATTEMPTS,
): Promise<(FileRecord | StoreError | null)[]> {
  const live = await lookUpAll(
    collection,
    deletions.map(({ name }) => name),
  )
  // The update goes by the id, under which nothing that is judged ever changes, so it ends just what was judged.
  const objections = live.map((record, index) => record && (deletions[index]?.objection(record) ?? null))
  const wanted = new Set(live.flatMap((record, index) => (record && objections[index] === null ? [record] : [])))
  const { mine, missed } = await deleteFound(collection, [...wanted])
  const isMissed = ({ name }: Deletion, index: number): boolean => objections[index] === null && missed.has(name)
  const again = deletions.filter(isMissed)
  // The name may have had a file all the time, so that none was there cannot be said of it.
  const outcomes = (await deleteAgain(collection, again, attempts - 1)).values()
  return deletions.map((deletion, index) => {
    const objection = objections[index] ?? null
    if (objection !== null) return objection
    if (isMissed(deletion, index)) return outcomes.next().value ?? null
    const record = mine.get(deletion.name) ?? null
    // Of several callers for one name in the group only the first has deleted it.
    mine.delete(deletion.name)
    return record
  })
}

async function deleteAgain(
  collection: mongo.Collection<FileRecord>,
  deletions: readonly Deletion[],
  attempts: number,
): Promise<(FileRecord | StoreError | null)[]> {
  if (deletions.length === 0) return []
  if (attempts > 0) return deleteAll(collection, deletions, attempts)
  return deletions.map(() => new StoreError('OVERLOADED', 'too many others replace this file at the same time'))
}

interface DeletedFiles {
  /** This update deleted these. */
  readonly mine: Map<FileName, FileRecord>
  /** The files that had these names were ended or renamed by others. */
  readonly missed: ReadonlySet<FileName>
}

async function deleteFound(
  collection: mongo.Collection<FileRecord>,
  found: readonly FileRecord[],
): Promise<DeletedFiles> {
  if (found.length === 0) return { mine: new Map(), missed: new Set() }
  const _id = { $in: found.map((record) => record._id) }
  const deletedBy = randomBytes(12).toString('hex')
  // A file that was renamed since is not the one that was asked for.
  const name = { $in: found.map((record) => record.name) }
  const { modifiedCount } = await collection.updateMany({ _id, name, state: 'live' }, ending(0, { deletedBy }), DURABLE)
  const left = await collection.find({ _id }).toArray()
  const stamped = left.filter((record) => record.deletedBy === deletedBy)
  // Upkeep may have collected one of them already. Where the update changed all of them, that one was this group's too.
  const deletion = { state: 'deleted' as const, deletedBy }
  const gone = modifiedCount === found.length ? found.map((record) => ({ ...record, ...deletion })) : []
  const nameOf = new Map(found.map((record) => [record._id.toHexString(), record.name]))
  const others = left.filter((record) => record.deletedBy !== deletedBy)
  return {
    mine: new Map([...gone, ...stamped].map((record) => [record.name, record])),
    missed: new Set(others.flatMap(({ _id: id }) => nameOf.get(id.toHexString()) ?? [])),
  }
}

/** Removes many deleted records whose copies are gone, but not those with extents that still have to be ended. */
export async function forgetAll(
  collection: mongo.Collection<FileRecord>,
  ids: readonly Types.ObjectId[],
): Promise<undefined[]> {
  await collection.deleteMany({ _id: { $in: [...ids] }, state: 'deleted', extents: { $exists: false } }, DURABLE)
  return ids.map(() => undefined)
}
