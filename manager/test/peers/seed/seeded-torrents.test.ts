import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { SeededTorrents } from '../../../src/peers/seed/seeded-torrents.ts'
import { useDatabase } from '../../mongo/mongo-fixture.ts'
import { sha1, sha256, torrentsOf } from './stored-torrent.ts'

const used = useDatabase()
const open = () => {
  const { torrents, files, store } = torrentsOf(used)
  return { torrents, files, store, seeded: new SeededTorrents({ torrents, files }) }
}

test('a file is found by each of its info-hashes, with the metadata that it is of', async () => {
  const { store, seeded } = open()
  const { hashes, record } = await store()
  const [first, second, third] = await Promise.all(hashes.map((hash) => seeded.find(hash)))
  expect(sha1(first?.info ?? Buffer.alloc(0))).toBe(hashes[0])
  expect(sha1(second?.info ?? Buffer.alloc(0))).toBe(hashes[1])
  expect(sha256(third?.info ?? Buffer.alloc(0)).slice(0, 40)).toBe(hashes[2])
  expect(third).toMatchObject({ size: record.size, pieceCount: 3 })
  expect((await third?.record())?._id).toEqual(record._id)
  const unknown = '00'.repeat(20)
  expect(await seeded.find(unknown)).toBeNull()
  expect(await seeded.areSeeded([hashes[2], unknown, hashes[0]])).toEqual([true, false, true])
})

test('a file that was deleted or has expired is found no longer, but another one with the same bytes and name', async () => {
  const { files, store, seeded } = open()
  const expired = await store({ expiresAt: new Date(Date.now() - 1_000) })
  expect(await seeded.find(expired.hashes[0])).toBeNull()

  const [bytes, torrentName] = [randomBytes(1_000), 'same']
  const first = await store({ torrentName }, bytes)
  await files.markDeletedById(first.record._id)
  expect(await seeded.find(first.hashes[0])).toBeNull()
  expect(await seeded.areSeeded(first.hashes)).toEqual([false, false, false])
  const second = await store({ torrentName }, bytes)
  expect(second.hashes).toEqual(first.hashes)
  expect((await (await seeded.find(first.hashes[1]))?.record())?._id).toEqual(second.record._id)
})

test('what an older version has kept is found once somebody has asked for its torrent', async () => {
  const { torrents, store, seeded } = open()
  const { hashes, record } = await store()
  const collection = used.database.connection.collection<{ _id: string }>('torrents')
  await collection.updateOne({ _id: record._id.toHexString() }, { $unset: { hashes: 1 } })
  expect(await seeded.find(hashes[0])).toBeNull()
  await torrents.find(record._id.toHexString())
  expect(await seeded.areSeeded(hashes)).toEqual([true, true, true])
})
