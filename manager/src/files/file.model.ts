import type { FileName } from '@holdfast/shared/file-name'
import type { CopyId, Digest, LinkId, PartKey } from '@holdfast/shared/ids'
import { type Connection, type Model, type mongo, Schema, type Types } from 'mongoose'
import type { Chunk, PlacedChunk, Replica } from '../chunks/chunk.ts'
import { type AudioFields, indexAudio, isFormerIndex } from './audio-fields.ts'

/** A file of class `single` is one chunk with one replica. One of class `replicated` is cut into chunks of `PART_BYTES`. */
export type StorageClass = 'single' | 'replicated'

/** A holder is a document that has chunks: a file, or an extent of one. */
export interface Holder {
  readonly _id: Types.ObjectId
  /**
   * An `open` holder is an upload under way, which nobody can read yet. A `live` one can be read. A `deleted` one is
   * invisible, its name is free, and its copies are on their way out. A `tombstone` stands for an upload whose bytes were
   * collected before its record came, so that it can no longer come.
   */
  readonly state: 'open' | 'live' | 'deleted' | 'tombstone'
  readonly storageClass: StorageClass
  /** Chunks stand in the order of the bytes. A tombstone has none. */
  readonly chunks: readonly Chunk[]
  /** The tags of all chunks are made with this key, where they have some. */
  readonly partKey?: PartKey
  /**
   * Tells `replicate` to look at the holder, for one of its chunks may lack a replica or name a bad one: the smallest number
   * of good replicas that any of them was seen with.
   */
  readonly short?: number
  /** These copies may not come to a holder that is still added to, for upkeep has discarded them. */
  readonly renounced?: readonly CopyId[]
}

/** An extent holds the chunks of a large file that its own document has no place for. */
export interface Extent extends Holder {
  readonly fileId: Types.ObjectId
  /** This is the extent's place in its file, from 1, for the file's own document holds the first chunks. */
  readonly extent: number
}

export interface FileRecord extends Holder {
  /** A file addressed by its path has a name that no other live one has. The name of one addressed by a link is a label. */
  readonly addressedBy: 'path' | 'link'
  readonly name: FileName
  /** Whoever knows these 128 random bits may read the file, so they are never logged. */
  readonly link?: LinkId
  readonly size: number
  readonly sha256: Digest
  readonly contentType: string
  /** A file has these where it is audio. */
  readonly audio?: AudioFields
  /** The file may be audio, and could not be read when it came. Its metadata is due. */
  readonly audioDue?: true
  /** The file's torrents have this name. It stays when the file is renamed, for another would make another info-hash. */
  readonly torrentName?: string
  /** Peers that have one of the file's torrents announce these: an info-hash of version 1, and two of a hybrid, in 40 digits each. */
  readonly torrentHashes?: readonly string[]
  readonly owner: string | null
  readonly createdAt: Date
  readonly expiresAt: Date | null
  /** The file has so many extents beside its own document. */
  readonly extents?: number
  /** The upload of an open file last went on then, by mongod's clock. One that stays away for too long is given up. */
  readonly touchedAt?: Date
  readonly deletedAt?: Date
  /** The copies of a deleted file stay until then, for the sake of those who read it. */
  readonly bytesDueAt?: Date
  /** Names the group of deletes that made the file invisible, which tells whose update it was. */
  readonly deletedBy?: string
}

/** @returns the chunks of a holder, each with its place in it */
export function chunksOf({ chunks, partKey }: Pick<Holder, 'chunks' | 'partKey'>): PlacedChunk[] {
  return chunks.map((chunk, number) => ({ number, chunk, partKey }))
}

/** @returns every copy that a holder names: those that count and those that are leaving */
export function copiesOf({ chunks }: Pick<Holder, 'chunks'>): Replica[] {
  return chunks.flatMap(({ replicas, leaving = [] }) => [...replicas, ...leaving])
}

/** Matches what readers may see: an expired file is absent to them, though its record is still to be ended. */
export const visible = () => ({ state: 'live' as const, expiresAt: { $not: { $lte: new Date() } } })

/**
 * Makes the update that ends a holder, whose bytes stay for `keptMs`. The times are mongod's, for the clocks of managers may lie
 * days apart.
 */
export const ending = (keptMs = 0, fields: Readonly<Record<string, string>> = {}) => [
  { $set: { state: 'deleted', deletedAt: '$$NOW', bytesDueAt: { $add: ['$$NOW', keptMs] }, ...fields } },
]

/** A document holds at most so many chunks, which keeps it far below the 16 MiB that one may have. */
export const CHUNKS_PER_HOLDER = 256

const INDEX_NOT_FOUND = 27

/** This index lets at most one live file have a path. */
export const LIVE_PATH = 'live_path'
/** Lists are read by these. */
export const LIVE_PATH_SIZE = 'live_path_size'
export const LIVE_PATH_DATE = 'live_path_date'
export const LIVE_LINK_NAME = 'live_link_name'
/** This index lets at most one file have a link, also after it was deleted. */
export const LINK = 'link'

const replica = new Schema<Replica>({ server: String, slot: Number, copyId: String, bad: String }, { _id: false })
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

const file = new Schema<HolderDocument>(
  {
    state: { type: String, enum: ['open', 'live', 'deleted', 'tombstone'], required: true },
    addressedBy: String,
    name: String,
    link: String,
    size: Number,
    sha256: String,
    contentType: String,
    audio: Schema.Types.Mixed,
    audioDue: Boolean,
    torrentName: String,
    torrentHashes: { type: [String], default: undefined },
    owner: String,
    storageClass: String,
    createdAt: Date,
    expiresAt: Date,
    touchedAt: Date,
    renounced: { type: [String], default: undefined },
    deletedAt: Date,
    deletedBy: String,
    bytesDueAt: Date,
    chunks: [chunk],
    partKey: String,
    short: Number,
    extents: Number,
    fileId: Schema.Types.ObjectId,
    extent: Number,
  },
  { collection: 'files', versionKey: false, strictQuery: 'throw' },
)

/** A partial index has only the documents that have the field, and a query has to say so for the index to be used. */
const having = (field: string) => ({ partialFilterExpression: { [field]: { $exists: true } } })

file.index(
  { name: 1 },
  { unique: true, partialFilterExpression: { state: 'live', addressedBy: 'path' }, name: LIVE_PATH },
)
// Lists in another order begin with its field. The name, which is unique there, goes on, and a search reads nothing else.
for (const [field, name] of [
  ['size', LIVE_PATH_SIZE],
  ['createdAt', LIVE_PATH_DATE],
] as const) {
  file.index({ [field]: 1, name: 1 }, { partialFilterExpression: { state: 'live', addressedBy: 'path' }, name })
}
file.index(
  { name: 1, _id: 1 },
  { partialFilterExpression: { state: 'live', addressedBy: 'link' }, name: LIVE_LINK_NAME },
)
file.index({ link: 1 }, { unique: true, ...having('link'), name: LINK })
file.index({ fileId: 1, extent: 1 }, { unique: true, ...having('fileId'), name: 'extent' })
file.index({ 'chunks.replicas.server': 1, 'chunks.replicas.slot': 1 }, { name: 'replica_place' })
file.index({ 'chunks.leaving.server': 1 }, { ...having('chunks.leaving.server'), name: 'leaving' })
file.index({ torrentHashes: 1 }, { ...having('torrentHashes'), name: 'torrents' })
file.index({ short: 1 }, { ...having('short'), name: 'short' })
file.index({ audioDue: 1, _id: 1 }, { ...having('audioDue'), name: 'metadata_due' })
file.index({ state: 1, deletedAt: 1 }, { ...having('deletedAt'), name: 'deleted' })
file.index({ bytesDueAt: 1 }, { ...having('bytesDueAt'), name: 'bytes_due' })
file.index({ touchedAt: 1 }, { partialFilterExpression: { state: 'open' }, name: 'open' })
file.index({ expiresAt: 1 }, { partialFilterExpression: { expiresAt: { $type: 'date' } }, name: 'expires' })
indexAudio(file)

/** The collection holds files and extents of them. */
type HolderDocument = FileRecord & Partial<Pick<Extent, 'fileId' | 'extent'>>
export type FileModel = Model<HolderDocument>

/** A name is unique only by an index, so the indexes exist before the first request. */
export async function prepareFileModel(connection: Connection): Promise<FileModel> {
  const model = connection.model<HolderDocument>('File', file)
  await model.createCollection()
  const indexes = file.indexes().map(([key, options]) => ({ ...options, key }) as mongo.IndexDescription)
  // All that are new are built in one go, however long that takes, for a start that gives up would never come to an end.
  // The driver takes this option with every command, though its types do not say so.
  const patient = { socketTimeoutMS: 0 } as object
  await model.collection.createIndexes(indexes, patient)
  await dropFormerIndexes(model)
  return model
}

async function dropFormerIndexes({ collection }: FileModel): Promise<void> {
  for (const { name = '' } of await collection.indexes()) {
    if (!isFormerIndex(name)) continue
    try {
      await collection.dropIndex(name)
    } catch (error) {
      // Another manager has dropped it at this moment.
      if ((error as { readonly code?: unknown }).code !== INDEX_NOT_FOUND) throw error
    }
  }
}

/** Chunks of these can be read, or soon can be, so upkeep cares for their replicas. */
export const KEPT = { $in: ['live', 'open'] } as const

/** Upkeep reads only these fields of a holder. */
export const PLACES = {
  state: 1,
  storageClass: 1,
  short: 1,
  'chunks.size': 1,
  'chunks.sha256': 1,
  'chunks.replicas': 1,
  'chunks.leaving': 1,
  'chunks.version': 1,
} as const
