import { readTorrent } from '@holdfast/shared/node/torrent/metainfo'
import { expect, test } from 'vitest'
import { makeTorrent, pieceLengthFor } from '../../src/torrent/make-torrent.ts'

test('what was made is read', () => {
  const pieces = Buffer.alloc(40, 7)
  const trackers = ['http://127.0.0.1/announce', 'udp://127.0.0.1:80']
  const made = makeTorrent({ name: 'für elise.bin', length: 300, pieceLength: 256, pieces }, trackers)
  expect(readTorrent(made)).toMatchObject({ name: 'für elise.bin', length: 300, pieceLength: 256, pieces, trackers })
})

test.each([
  [1, 262_144],
  [300 * 1024 ** 2, 524_288],
  [10 * 1024 ** 4, 16_777_216],
])('a file of %d bytes has pieces of %d', (size, expected) => expect(pieceLengthFor(size)).toBe(expected))
