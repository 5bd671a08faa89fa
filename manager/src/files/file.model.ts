import type { FileName } from '@holdfast/shared/file-name'
import type { CopyId, Digest, PartKey, ServerId, Slot } from '@holdfast/shared/ids'
import { PART_TAG_BYTES, type PartMethod } from '@holdfast/shared/node/part-digest'
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
  /** Where the file came in frames: of each 4 MiB part the tag, 16 bytes each, and their key (`part-digest.ts`). */
  readonly partTags?: Buffer
  readonly partKey?: PartKey
  /** Where it was stored before there were tags: the sha-256 of each part, 32 bytes each. */
  readonly partDigests?: Buffer
  /** Raised by every change of the replicas, and to stop such a change that is under way elsewhere. */
  readonly version: number
}

/** What a part is verified by. */
export interface PartProof {
  readonly method: PartMethod
  /** What the method has to come to; nothing, which it never does, past the end of the file. */
  readonly digest: Buffer
}

/** A small file has no tags: it is one part, and verified by its sha-256. */
export function partProofOf(record: FileRecord, index: number): PartProof {
  const { partTags, partKey, partDigests, sha256 } = record
  if (partTags !== undefined && partKey !== undefined)
    return { method: { key: partKey, index }, digest: slice(partTags, index, PART_TAG_BYTES) }
  return { method: 'sha256', digest: slice(partDigests ?? Buffer.from(sha256, 'hex'), index, 32) }
}

/** The database's driver gives what it calls a Buffer only in part. */
function slice({ buffer, byteOffset, byteLength }: Buffer, index: number, sizeBytes: number): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength).subarray(index * sizeBytes, (index + 1) * sizeBytes)
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
    partTags: Buffer,
    partKey: String,
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
