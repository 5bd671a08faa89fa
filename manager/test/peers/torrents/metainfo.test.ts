import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { bdecode } from '../../../../test/cluster/bdecode.ts'
import { infoIn } from '../../../../test/cluster/info-in.ts'
import { magnetOf, metainfoOf, trackedHashesOf } from '../../../src/peers/torrents/metainfo.ts'

const info = {
  ...{ name: 'für & ü.txt', size: 5, pieceLength: 262_144, merkle: null },
  pieces: createHash('sha1').update('Hello').digest(),
}
const root = createHash('sha256').update('Hello').digest()
const hybrid = { ...info, merkle: { root, layer: Buffer.alloc(0) } }
const latin1 = (text: string) => Buffer.from(text).toString('latin1')
const places = {
  trackers: ['http://10.0.0.1:8000/announce', 'udp://10.0.0.1:8000'],
  webSeed: 'http://10.0.0.1:8000/file/f%C3%BCr',
}

const noPeer = { torrent: 'http://10.0.0.1:8000/torrent/1', peer: null }

test('a torrent has its file, its trackers and its web seed', () => {
  const torrent = metainfoOf(info, places)
  expect(bdecode(torrent)).toEqual({
    announce: places.trackers[0],
    'announce-list': places.trackers.map((tracker) => [tracker]),
    'created by': 'Holdfast',
    info: { length: 5, name: latin1(info.name), 'piece length': 262_144, pieces: info.pieces.toString('latin1') },
    'url-list': [places.webSeed],
  })
})

test('the info-hash is that of the dictionary as it stands in the torrent', () => {
  const sha1 = createHash('sha1')
    .update(infoIn(metainfoOf(info, places)))
    .digest('hex')
  expect(trackedHashesOf(info)).toEqual([sha1])
})

test('a hybrid has the file a second time, and two info-hashes, of which the second is cut for trackers', () => {
  const torrent = metainfoOf(hybrid, places)
  expect(bdecode(torrent)).toEqual({
    ...bdecode(metainfoOf(info, places)),
    info: {
      ...bdecode(metainfoOf(info, places)).info,
      'file tree': { [latin1(info.name)]: { '': { length: 5, 'pieces root': root.toString('latin1') } } },
      'meta version': 2,
    },
    'piece layers': {},
  })
  const sha256 = createHash('sha256').update(infoIn(torrent)).digest('hex')
  const sha1 = createHash('sha1').update(infoIn(torrent)).digest('hex')
  expect(trackedHashesOf(hybrid)).toEqual([sha1, sha256.slice(0, 40)])
  expect(trackedHashesOf(info)).not.toContain(sha1)
  const topics = new URL(magnetOf(hybrid, { ...places, ...noPeer })).searchParams
  expect(topics.getAll('xt')).toEqual([`urn:btih:${sha1}`, `urn:btmh:1220${sha256}`])
})

test('a hybrid of a file of several pieces has their digests beside its info', () => {
  const layer = Buffer.alloc(64, 3)
  const several = { ...hybrid, size: 262_145, pieces: Buffer.alloc(40), merkle: { root, layer } }
  expect(bdecode(metainfoOf(several, places))['piece layers']).toEqual({
    [root.toString('latin1')]: layer.toString('latin1'),
  })
})

test('a hybrid can be of a file whatever its name is', () => {
  for (const name of ['__proto__', 'constructor', '1', '文件 \u{1f3b5}.bin']) {
    expect(infoIn(metainfoOf({ ...hybrid, name }, places)).toString()).toContain(
      `9:file treed${Buffer.byteLength(name)}:${name}d0:d6:lengthi5e`,
    )
  }
})

test('a magnet link has the same', () => {
  const magnet = new URL(magnetOf(info, { ...places, ...noPeer }))
  expect(magnet.protocol).toBe('magnet:')
  expect([...magnet.searchParams]).toEqual([
    ['xt', `urn:btih:${trackedHashesOf(info)[0]}`],
    ['dn', info.name],
    ['xl', '5'],
    ['tr', places.trackers[0]],
    ['tr', places.trackers[1]],
    ['ws', places.webSeed],
    ['xs', 'http://10.0.0.1:8000/torrent/1'],
  ])
})

test('a magnet link names a peer as it stands, where there is one', () => {
  const magnet = magnetOf(info, { ...places, ...noPeer, peer: '[2001:db8::1]:8001' })
  expect(magnet).toMatch(/&x\.pe=\[2001:db8::1\]:8001$/)
})
