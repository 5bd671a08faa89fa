import type { FileName } from '@holdfast/shared/file-name'
import type { Digest, PartKey } from '@holdfast/shared/ids'
import { type Connection, type Model, Schema, type Types } from 'mongoose'
import type { Chunk, PlacedChunk, Replica } from '../chunks/chunk.ts'

/** A holder is a document that has chunks. */
export interface Holder {
  readonly _id: Types.ObjectId
  /**
   * A `live` holder is visible under its name. A `deleted` one is invisible, its name is free, and its copies are on their
   * way out. A `tombstone` stands for an upload whose bytes were collected before its record came, so that it can no longer
   * come.
   */
  readonly state: 'live' | 'deleted' | 'tombstone'
  /** Chunks stand in the order of the bytes. A tombstone has none. */
  readonly chunks: readonly Chunk[]
  /** The tags of all chunks are made with this key, where they have some. */
  readonly partKey?: PartKey
}

export interface FileRecord extends Holder {
  readonly name: FileName
  readonly size: number
  readonly sha256: Digest
  readonly contentType: string
  readonly owner: string | null
  readonly storageClass: 'single' | 'replicated'
  readonly createdAt: Date
  readonly expiresAt: Date | null
  readonly deletedAt?: Date
  /** Names the group of deletes that made the file invisible, which tells whose update it was. */
  readonly deletedBy?: string
}

/** @returns the chunks of a holder, each with its place in the file */
export function chunksOf({ chunks, partKey }: Pick<Holder, 'chunks' | 'partKey'>): PlacedChunk[] {
  return chunks.map((chunk, number) => ({ number, chunk, partKey }))
}

/** @returns every copy that a holder names: those that count and those that are leaving */
export function copiesOf({ chunks }: Pick<Holder, 'chunks'>): Replica[] {
  return chunks.flatMap(({ replicas, leaving = [] }) => [...replicas, ...leaving])
}

/** This index lets at most one live file have a name. */
export const LIVE_NAME = 'live_name'

const replica = new Schema<Replica>({ server: String, slot: Number, copyId: String }, { _id: false })
const chunk = new Schema<Chunk>(
  {
    size: Number,
    sha256: String,
    replicas: [replica],
    leaving: { type: [replica], default: undefined },
    tags: Buffer,
    version: Number,
  },
  { _id: false },
)

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
    partKey: String,
  },
  { collection: 'files', versionKey: false, strictQuery: 'throw' },
)

file.index({ name: 1 }, { unique: true, partialFilterExpression: { state: 'live' }, name: LIVE_NAME })
file.index({ 'chunks.replicas.server': 1, 'chunks.replicas.slot': 1 }, { name: 'replica_place' })
file.index({ state: 1, deletedAt: 1 }, { partialFilterExpression: { deletedAt: { $exists: true } }, name: 'deleted' })
file.index(
  { 'chunks.leaving.server': 1 },
  { partialFilterExpression: { 'chunks.leaving.server': { $exists: true } }, name: 'leaving' },
)

export type FileModel = Model<FileRecord>

/** A name is unique only by an index, so the indexes exist before the first request. */
export async function prepareFileModel(connection: Connection): Promise<FileModel> {
  const model = connection.model<FileRecord>('File', file)
  await model.createCollection()
  await model.createIndexes()
  return model
}
