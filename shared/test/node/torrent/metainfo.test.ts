import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeBencode } from '../../../src/node/torrent/bencode.ts'
import { readTorrent, requireDistinctNames, TorrentError } from '../../../src/node/torrent/metainfo.ts'

const pieces = Buffer.alloc(40, 7)
const good = { length: 300, name: 'a.bin', 'piece length': 256, pieces }
/** The keys of its info stand in the wrong order. */
const unsorted = Buffer.concat([
  Buffer.from('d4:infod4:name5:a.bin6:lengthi300e12:piece lengthi256e6:pieces40:'),
  ...[pieces, Buffer.from('e')],
])
const torrent = (info: object, rest: object = {}) => encodeBencode({ ...rest, info })

test('a torrent is read, and its bare one has the same info-hash', () => {
  const read = readTorrent(
    torrent(
      { ...good, name: 'für elise.bin' },
      { announce: 'udp://127.0.0.1:80', 'announce-list': [['http://127.0.0.1/announce'], ['udp://127.0.0.1:80']] },
    ),
  )
  expect(read).toMatchObject({
    ...{ name: 'für elise.bin', length: 300, pieceLength: 256, pieces, webSeeds: [] },
    files: [{ path: [], length: 300, isPadding: false }],
    trackers: ['http://127.0.0.1/announce', 'udp://127.0.0.1:80'],
  })
  expect(readTorrent(read.bare).infoHash).toBe(read.infoHash)
})

test('padding of one length may stand at one path, and nothing else there', () => {
  const pad = (length: number) => ({ length, path: ['.pad', '50'], attr: 'p' })
  const of = (...files: object[]) => readTorrent(torrent({ ...good, length: undefined, files })).files
  const found = of({ length: 100, path: ['a'] }, pad(50), { length: 100, path: ['b'], attr: 'x' }, pad(50))
  expect(found.map(({ isPadding }) => isPadding)).toEqual([false, true, false, true])
  expect(() => of({ length: 200, path: ['a'] }, pad(50), pad(49))).toThrow('at one path')
  expect(() => of({ length: 250, path: ['.pad', '50'] }, pad(50))).toThrow('at one path')
})

test('names that some disks take for one are told apart, and told of', () => {
  const of = (...paths: string[][]) =>
    readTorrent(torrent({ ...good, length: undefined, files: paths.map((path) => ({ length: 150, path })) }))
  for (const metainfo of [of(['a', 'e\u0301'], ['A', '\u00c9']), of(['a'], ['A', 'b'])]) {
    expect(metainfo.files).toHaveLength(2)
    expect(() => requireDistinctNames(metainfo)).toThrow('some disks take for one')
  }
  requireDistinctNames(of(['a', 'b'], ['a', 'c']))
})

test('trackers and web seeds of other kinds are left out, and too many are', () => {
  const many = Array.from({ length: 50 }, (_, number) => `http://tracker-${number}/announce`)
  const { trackers, webSeeds } = readTorrent(
    torrent(good, {
      'announce-list': [['wss://x', 'udp://x:0', 'http://x:0/', 'udp://x:1', 'file:///etc'], many],
      'url-list': ['ftp://x/a', 'http://x/a'],
    }),
  )
  expect(trackers).toHaveLength(20)
  expect(trackers[0]).toBe('udp://x:1')
  expect(webSeeds).toEqual(['http://x/a'])
})

test('a hybrid is read as version 1 has it, with an info-hash over all of it', () => {
  const file = { length: 300, 'pieces root': Buffer.alloc(32, 200) }
  const key = Buffer.from('für elise.bin').toString('latin1')
  const hybrid = { ...good, name: 'für elise.bin', 'file tree': { [key]: { '': file } }, 'meta version': 2 }
  const layers = { [Buffer.alloc(32, 200).toString('latin1')]: Buffer.alloc(64) }
  const info = encodeBencode(hybrid)
  expect(readTorrent(encodeBencode({ info: hybrid, 'piece layers': layers }))).toMatchObject({
    ...{ name: 'für elise.bin', length: 300, pieceLength: 256, pieces },
    files: [{ path: [], length: 300 }],
    infoHash: createHash('sha1').update(info).digest('hex'),
  })
})

describe('refuses in a sentence', () => {
  test.each<[string, Uint8Array, string]>([
    ['what is not bencoded', Buffer.from('hello'), 'not bencoded'],
    ['a text', Buffer.from('5:hello'), 'no dictionary'],
    ['no info', encodeBencode({ announce: 'http://x' }), 'no info'],
    [
      'version 2 alone',
      torrent({ ...good, length: undefined, pieces: undefined, 'meta version': 2 }),
      'of version 2 alone',
    ],
    ['what would have another info-hash', Buffer.concat([unsorted, Buffer.from('e')]), 'cannot be kept as it is'],
    ['a name that leads up', torrent({ ...good, name: '..' }), 'no name'],
    ['a name that is a path', torrent({ ...good, name: '/etc/passwd' }), 'by a path'],
    ['a Windows path', torrent({ ...good, name: 'a\\b' }), 'by a path'],
    ['a name with a NUL', torrent({ ...good, name: 'a\0b' }), 'by a path'],
    [
      'a path that leads up',
      torrent({ ...good, length: undefined, files: [{ length: 300, path: ['a', '..'] }] }),
      'no name',
    ],
    ['an empty path', torrent({ ...good, files: [{ length: 300, path: [] }] }), 'without a path'],
    ['a negative size', torrent({ ...good, length: -1 }), 'no size'],
    ['nothing', torrent({ ...good, length: 0, pieces: '' }), 'of nothing'],
    ['missing digests', torrent({ ...good, pieces: Buffer.alloc(20) }), 'one digest a piece'],
    ['pieces of no length', torrent({ ...good, 'piece length': 0 }), 'how long'],
    ['pieces that do not fit into memory', torrent({ ...good, 'piece length': 2 ** 30 }), '32 MiB'],
    ['too many pieces', torrent({ ...good, length: 2 ** 40 }), 'more than 262144'],
    [
      'two files at one path',
      torrent({
        ...good,
        files: [
          { length: 150, path: ['a'] },
          { length: 150, path: ['a'] },
        ],
      }),
      'at one path',
    ],
    [
      'a file where another needs a directory',
      torrent({
        ...good,
        files: [
          { length: 150, path: ['a'] },
          { length: 150, path: ['a', 'b'] },
        ],
      }),
      'at one path',
    ],
    ['a key that is no text', torrent({ ...good, '\xff': 1 }), 'cannot be kept as it is'],
    ['a key that webtorrent loses', torrent({ ...good, ['__proto__']: 1 }), 'cannot be kept as it is'],
    ['a length below zero', Buffer.from('l-3:'), 'not bencoded'],
    ['16 MiB of nothing', Buffer.from(`l${'0:'.repeat(8 * 1024 ** 2 - 1)}`), 'not bencoded'],
    ['very deep nesting', Buffer.from('l'.repeat(100_000)), 'not bencoded'],
  ])('%s', (_, bytes, sentence) => {
    expect(() => readTorrent(bytes)).toThrow(
      expect.objectContaining({ name: 'TorrentError', message: expect.stringContaining(sentence) }),
    )
  })

  test('anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(150), (bytes, at) => {
        const broken = Buffer.concat([torrent(good).subarray(0, at), bytes])
        try {
          readTorrent(broken)
        } catch (error) {
          expect(error).toBeInstanceOf(TorrentError)
        }
      }),
    )
  })
})
