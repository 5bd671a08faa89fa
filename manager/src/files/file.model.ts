import type { FileName } from '@holdfast/shared/file-name'
import type { CopyId, Digest, ServerId, Slot } from '@holdfast/shared/ids'
import { type Connection, type Model, Schema, type Types } from 'mongoose'

export interface Replica {
  readonly server: ServerId
  readonly slot: Slot
  readonly copyId: CopyId
}

export interface Chunk {
  readonly size: number
  readonly sha256: Digest
  readonly replicas: readonly Replica[]
}

export interface FileRecord {
  readonly _id: Types.ObjectId
  /**
   * live: visible under its name. deleted: invisible, its name free, its copies on their way out.
   * tombstone: an upload whose bytes were collected before its record came; it can no longer come.
   */
  readonly state: 'live' | 'deleted' | 'tombstone'
  readonly name: FileName
  readonly size: number
  readonly sha256: Digest
  readonly contentType: string
  readonly owner: string | null
  readonly storageClass: 'single' | 'replicated'
  readonly createdAt: Date
  readonly expiresAt: Date | null
  readonly deletedAt?: Date
  /** Which group of deletes it was: tells whose update it was that made the file invisible. */
  readonly deletedBy?: string
  readonly chunks: readonly Chunk[]
  /** The sha-256 of each 4 MiB part of the file, 32 bytes each. */
  readonly partDigests: Buffer
  /** Raised by every change of the replicas, and to stop such a change that is under way elsewhere. */
  readonly version: number
}

/** The sha-256 that a part has to have: 32 bytes, or none past the end of the file. */
export function partDigestOf({ partDigests }: FileRecord, index: number): Buffer {
  const digests = Buffer.from(partDigests.buffer, partDigests.byteOffset, partDigests.byteLength)
  return digests.subarray(index * 32, index * 32 + 32)
}

/** The index that lets at most one live file have a name. */
export const LIVE_NAME = 'live_name'

const replica = new Schema<Replica>({ server: String, slot: Number, copyId: String }, { _id: false })
const chunk = new Schema<Chunk>({ size: Number, sha256: String, replicas: [replica] }, { _id: false })

const file = new Schema<FileRecord>(
  {
    state: { type: String, enum: ['live', 'deleted', 'tombstone'], required: true },
    name: String,
    size: Number,
    sha256: String,
    contentType: String,
    owner: String,
    storageClass: String,
    createdAt: Date,
    expiresAt: Date,
    deletedAt: Date,
    deletedBy: String,
    chunks: [chunk],
    partDigests: Buffer,
    version: Number,
  },
  { collection: 'files', versionKey: false, strictQuery: 'throw' },
)

file.index({ name: 1 }, { unique: true, partialFilterExpression: { state: 'live' }, name: LIVE_NAME })
file.index({ 'chunks.replicas.server': 1, 'chunks.replicas.slot': 1 }, { name: 'replica_place' })
file.index({ state: 1, deletedAt: 1 }, { partialFilterExpression: { deletedAt: { $exists: true } }, name: 'leaving' })

export type FileModel = Model<FileRecord>

/** The indexes are part of the promise that a name is unique: they exist before the first request. */
export async function prepareFileModel(connection: Connection): Promise<FileModel> {
  const model = connection.model<FileRecord>('File', file)
  await model.createCollection()
  await model.createIndexes()
  return model
}
