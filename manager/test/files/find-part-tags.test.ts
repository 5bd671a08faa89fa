import type { Digest, PartKey } from '@holdfast/shared/ids'
import { PART_BYTES } from '@holdfast/shared/limits'
import { Types } from 'mongoose'
import { beforeEach, expect, test } from 'vitest'
import { FileRecords } from '../../src/files/file-records.ts'
import { findPartTags } from '../../src/files/find-part-tags.ts'
import { HolderRecords } from '../../src/files/holder-records.ts'
import { newChunk, newName, newRecord, newReplica, replicaOf, useDatabase } from '../mongo/mongo-fixture.ts'

const used = useDatabase()
const tags = Buffer.from('0123456789abcdef0123456789ABCDEF')
let records: FileRecords
let holders: HolderRecords
beforeEach(() => {
  records = new FileRecords(used.model)
  holders = new HolderRecords(used.model)
})

test('gives key and tags of a copy that a record names, also while it is leaving', async () => {
  const _id = new Types.ObjectId()
  const [kept, leaving] = [newReplica(_id, {}, 1), newReplica(_id, {}, 1)]
  const chunks = [newChunk([newReplica(_id)]), newChunk([kept], { size: PART_BYTES + 1, tags, leaving: [leaving] })]
  const record = newRecord(newName(), { _id, chunks, partKey: '5'.repeat(32) as PartKey })
  await records.insert(record)
  for (const { copyId } of [kept, leaving])
    expect(await findPartTags(holders, copyId)).toEqual({ key: record.partKey, tags })
})

test('there are none of a copy that no record names, or that is verified by its sha-256 alone', async () => {
  const record = newRecord(newName())
  await records.insert(record)
  const other = newReplica(record._id, { server: replicaOf(record).server })
  expect(await findPartTags(holders, other.copyId)).toBeNull()
  expect(await findPartTags(holders, newReplica(record._id, {}, 1).copyId)).toBeNull()
  expect(await findPartTags(holders, newReplica(new Types.ObjectId()).copyId)).toBeNull()
  const _id = new Types.ObjectId()
  const onePart = newRecord(newName(), {
    _id: new Types.ObjectId(),
    chunks: [newChunk([newReplica(_id)], { size: PART_BYTES, tags: tags.subarray(0, 16) })],
    partKey: '5'.repeat(32) as PartKey,
  })
  await records.insert(onePart)
  expect(await findPartTags(holders, replicaOf(onePart).copyId)).toBeNull()
  const plain = newRecord(newName(), {
    _id,
    chunks: [newChunk([newReplica(_id)], { sha256: 'ab'.repeat(32) as Digest })],
  })
  await records.insert(plain)
  expect(await findPartTags(holders, replicaOf(plain).copyId)).toBeNull()
})
