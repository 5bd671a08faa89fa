import { randomBytes } from 'node:crypto'
import type { FileName } from '@holdfast/shared/file-name'
import type { mongo, Types } from 'mongoose'
import { DURABLE } from '../mongo/database.ts'
import type { FileRecord } from './file.model.ts'

/** Distinct, and texts whatever they were: `$in` would take a pattern of the language for one. */
function namesIn(names: readonly FileName[]): FileName[] {
  return [...new Set(names.map((name) => String(name) as FileName))]
}

/** One read for many names. @returns the live record of each, or null, in their order */
export async function lookUpAll(
  collection: mongo.Collection<FileRecord>,
  names: readonly FileName[],
): Promise<(FileRecord | null)[]> {
  const found = await collection.find({ name: { $in: namesIn(names) }, state: 'live' }).toArray()
  const byName = new Map(found.map((record) => [record.name, record as FileRecord]))
  return names.map((name) => byName.get(name) ?? null)
}

/**
 * One update deletes the live files of many names. A bulk result does not say which of them it was, so each record is
 * stamped with this group and read back, with the replicas that it has from then on.
 * @returns for each name the deleted record; null where there was none, or where another caller's delete was first
 */
export async function deleteAll(
  collection: mongo.Collection<FileRecord>,
  names: readonly FileName[],
): Promise<(FileRecord | null)[]> {
  const found = await collection
    .find({ name: { $in: namesIn(names) }, state: 'live' }, { projection: { _id: 1 } })
    .toArray()
  const mine = new Map<FileName, FileRecord>()
  if (found.length > 0) {
    const _id = { $in: found.map((record) => record._id) }
    const deletedBy = randomBytes(12).toString('hex')
    await collection.updateMany(
      { _id, state: 'live' },
      { $set: { state: 'deleted', deletedAt: new Date(), deletedBy } },
      DURABLE,
    )
    for (const record of await collection.find({ _id, deletedBy }).toArray()) mine.set(record.name, record)
  }
  return names.map((name) => {
    const record = mine.get(name) ?? null
    // Of several callers in the group the first has deleted it.
    mine.delete(name)
    return record
  })
}

/** One removal for many deleted records whose copies are gone. */
export async function forgetAll(
  collection: mongo.Collection<FileRecord>,
  ids: readonly Types.ObjectId[],
): Promise<undefined[]> {
  await collection.deleteMany({ _id: { $in: [...ids] }, state: 'deleted' }, DURABLE)
  return ids.map(() => undefined)
}
