import { randomBytes } from 'node:crypto'
import type { StoreError } from '@holdfast/shared/errors/store-error'
import type { FileName } from '@holdfast/shared/file-name'
import type { mongo, Types } from 'mongoose'
import { DURABLE } from '../mongo/database.ts'
import { type FileRecord, visible } from './file.model.ts'

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

/**
 * Deletes the live files of many names with one update. A bulk result does not say which of them it was, so each record is
 * stamped with this group and read back, with the replicas that it has from then on. @returns for each the deleted record;
 * its objection; null where there was none, or where another caller's delete was first
 */
export async function deleteAll(
  collection: mongo.Collection<FileRecord>,
  deletions: readonly Deletion[],
): Promise<(FileRecord | StoreError | null)[]> {
  const live = await lookUpAll(
    collection,
    deletions.map(({ name }) => name),
  )
  // The update goes by the id, under which nothing that is judged ever changes, so it ends just what was judged.
  const objections = live.map((record, index) => record && (deletions[index]?.objection(record) ?? null))
  const wanted = new Set(live.flatMap((record, index) => (record && objections[index] === null ? [record] : [])))
  const mine = wanted.size === 0 ? new Map<FileName, FileRecord>() : await deleteFound(collection, [...wanted])
  return deletions.map(({ name }, index) => {
    const objection = objections[index] ?? null
    if (objection !== null) return objection
    const record = mine.get(name) ?? null
    // Of several callers for one name in the group only the first has deleted it.
    mine.delete(name)
    return record
  })
}

/** @returns those that this update deleted, by their names */
async function deleteFound(
  collection: mongo.Collection<FileRecord>,
  found: readonly FileRecord[],
): Promise<Map<FileName, FileRecord>> {
  const _id = { $in: found.map((record) => record._id) }
  const now = new Date()
  const deletedBy = randomBytes(12).toString('hex')
  const deletion = { state: 'deleted' as const, deletedAt: now, bytesDueAt: now, deletedBy }
  // A file that was renamed since is not the one that was asked for.
  const name = { $in: found.map((record) => record.name) }
  const { modifiedCount } = await collection.updateMany({ _id, name, state: 'live' }, { $set: deletion }, DURABLE)
  const stamped = await collection.find({ _id, deletedBy }).toArray()
  // Upkeep may have collected one of them already. Where the update changed all of them, that one was this group's too.
  const gone = modifiedCount === found.length ? found.map((record) => ({ ...record, ...deletion })) : []
  return new Map([...gone, ...stamped].map((record) => [record.name, record]))
}

/** Removes many deleted records whose copies are gone, but not those with extents that still have to be ended. */
export async function forgetAll(
  collection: mongo.Collection<FileRecord>,
  ids: readonly Types.ObjectId[],
): Promise<undefined[]> {
  await collection.deleteMany({ _id: { $in: [...ids] }, state: 'deleted', extents: { $exists: false } }, DURABLE)
  return ids.map(() => undefined)
}
