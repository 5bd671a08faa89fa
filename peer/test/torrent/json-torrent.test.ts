import { describe, expect, test } from 'vitest'
import { readJsonTorrent, writeJsonTorrent } from '../../src/torrent/json-torrent.ts'

/** The example of the document. */
const example = {
  FileInfo: {
    Size: 2048,
    PartSize: 256,
    Parts: [
      '4ebea4f2cc3c93321608b94eb98cf2c1280d7072',
      '0a552d04e3435c346332454b1024d41d1e802abe',
      '693b04c64f7f1633a49057ca51431a0bb4bc9650',
      '26c9a81bba906a7e09b2bd13aaabb1a6be205b9b',
      'e863d1678c6f6ffb2165b53842e66e0d14a05650',
      '7aaa8e1d2d46a7fada13c5acd084323b3021d9ba',
      '8299079c05ecf7cf39880ed609ac0b4bcfc84316',
      '6225a56e16b52710fbd64a3120d03584e7c82a29',
    ],
    Hash: '29964bae-53e9-4c3f-b620-9c583aeb64b5',
  },
}
const bytesOf = (json: unknown) => Buffer.from(JSON.stringify(json))
const changed = (change: object) => bytesOf({ FileInfo: { ...example.FileInfo, ...change } })

test("reads and writes the document's example", () => {
  const { hash, metainfo } = readJsonTorrent(bytesOf(example))
  expect(hash).toBe(example.FileInfo.Hash)
  expect(metainfo).toMatchObject({ length: 2048, pieceLength: 256, files: [{ path: [], length: 2048 }] })
  expect(JSON.parse(writeJsonTorrent(hash, metainfo))).toEqual(example)
})

test('who has the same parts meets in one swarm, whatever the hash is', () => {
  const other = changed({ Hash: '00000000-0000-4000-8000-000000000000' })
  expect(readJsonTorrent(other).metainfo.infoHash).toBe(readJsonTorrent(bytesOf(example)).metainfo.infoHash)
})

describe('refuses in a sentence', () => {
  test.each<[string, Buffer, string]>([
    ['what is not JSON', Buffer.from('{'), 'not JSON'],
    ['no FileInfo', bytesOf({}), 'FileInfo'],
    ['a part that is no digest', changed({ Parts: ['../../etc/passwd'] }), 'SHA-1'],
    ['too few parts', changed({ Parts: example.FileInfo.Parts.slice(1) }), 'one digest a piece'],
    ['parts that do not fit into memory', changed({ PartSize: 2 ** 40 }), '32 MiB'],
    ['a hash that is none', changed({ Hash: 'x' }), 'Hash'],
    ['a size below zero', changed({ Size: -1 }), 'Size'],
  ])('%s', (_, bytes, sentence) => {
    expect(() => readJsonTorrent(bytes)).toThrow(
      expect.objectContaining({ message: expect.stringContaining(sentence) }),
    )
  })
})
