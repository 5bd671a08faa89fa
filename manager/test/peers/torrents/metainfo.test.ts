import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { bdecode } from '../../../../test/cluster/bdecode.ts'
import { infoHashOf, magnetOf, metainfoOf } from '../../../src/peers/torrents/metainfo.ts'

const info = { name: 'für & ü.txt', size: 5, pieceLength: 262_144, pieces: createHash('sha1').update('Hello').digest() }
const places = {
  trackers: ['http://10.0.0.1:8000/announce', 'udp://10.0.0.1:8000'],
  webSeed: 'http://10.0.0.1:8000/file/f%C3%BCr',
}

test('a torrent has its file, its trackers and its web seed', () => {
  const torrent = metainfoOf(info, places)
  const latin1 = (text: string) => Buffer.from(text).toString('latin1')
  expect(bdecode(torrent)).toEqual({
    announce: places.trackers[0],
    'announce-list': places.trackers.map((tracker) => [tracker]),
    'created by': 'Holdfast',
    info: { length: 5, name: latin1(info.name), 'piece length': 262_144, pieces: info.pieces.toString('latin1') },
    'url-list': [places.webSeed],
  })
})

test('the info-hash is that of the dictionary as it stands in the torrent', () => {
  const text = metainfoOf(info, places).toString('latin1')
  const start = text.indexOf('4:info') + 6
  const bytes = Buffer.from(text.slice(start, text.indexOf('8:url-list')), 'latin1')
  expect(infoHashOf(info)).toBe(createHash('sha1').update(bytes).digest('hex'))
})

test('a magnet link has the same', () => {
  const magnet = new URL(magnetOf(info, { ...places, torrent: 'http://10.0.0.1:8000/torrent/1' }))
  expect(magnet.protocol).toBe('magnet:')
  expect([...magnet.searchParams]).toEqual([
    ['xt', `urn:btih:${infoHashOf(info)}`],
    ['dn', info.name],
    ['xl', '5'],
    ['tr', places.trackers[0]],
    ['tr', places.trackers[1]],
    ['ws', places.webSeed],
    ['xs', 'http://10.0.0.1:8000/torrent/1'],
  ])
})
