import { randomBytes } from 'node:crypto'
import type { FileName } from '@holdfast/shared/file-name'
import type { Digest, FileId, PartKey, ServerId, Slot } from '@holdfast/shared/ids'
import { createLogger } from '@holdfast/shared/node/logger'
import { Types } from 'mongoose'
import { afterAll, beforeAll, inject } from 'vitest'
import type { Chunk, Replica } from '../../src/chunks/chunk.ts'
import { CopyIds } from '../../src/chunks/writing/copy-ids.ts'
import { type FileModel, type FileRecord, prepareFileModel } from '../../src/files/file.model.ts'
import { connectDatabase, type Database } from '../../src/mongo/database.ts'

/** Gives a test file a database of its own on the suite's MongoDB, and drops it after the file. */
export function useDatabase(): { database: Database; model: FileModel; url: string } {
  const url = new URL(inject('mongoUrl'))
  url.pathname = `/test-${randomBytes(6).toString('hex')}`
  const used = { url: url.href } as { database: Database; model: FileModel; url: string }
  beforeAll(async () => {
    used.database = await connectDatabase(url.href, createLogger('test', 'silent'), new AbortController().signal)
    used.model = await prepareFileModel(used.database.connection)
  })
  afterAll(async () => {
    await used.database.connection.dropDatabase()
    await used.database.close()
  })
  return used
}

export const aServer = 'aaaaaaaaaaaaaaaa' as ServerId

const copyIds = new CopyIds()

/** Makes a copy of the chunk `number` of a file. */
export function newReplica(fileId: Types.ObjectId, fields: Partial<Replica> = {}, number = 0): Replica {
  const copyId = copyIds.next(fileId.toHexString() as FileId, number)
  return { server: aServer, slot: 0 as Slot, copyId, ...fields }
}

export function newChunk(replicas: readonly Replica[], fields: Partial<Chunk> = {}): Chunk {
  return { size: 5, sha256: 'cd'.repeat(32) as Digest, replicas, version: 0, ...fields }
}

export function newRecord(name: string, fields: Partial<FileRecord> = {}): FileRecord {
  const _id = fields._id ?? new Types.ObjectId()
  const sha256 = 'cd'.repeat(32) as Digest
  return {
    _id,
    state: 'live',
    addressedBy: 'path',
    name: name as FileName,
    size: 5,
    sha256,
    contentType: 'text/plain',
    owner: null,
    storageClass: 'single',
    createdAt: new Date(),
    expiresAt: null,
    chunks: [newChunk([newReplica(_id)], { tags: Buffer.alloc(16, 7) })],
    partKey: '7'.repeat(32) as PartKey,
    ...fields,
  }
}

export const replicaOf = (record: FileRecord): Replica => {
  const [replica] = record.chunks.flatMap((chunk) => chunk.replicas)
  if (replica === undefined) throw new Error('the record names no copy')
  return replica
}

export const newName = (): string => `file-${randomBytes(6).toString('hex')}`
