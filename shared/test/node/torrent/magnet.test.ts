import { expect, test } from 'vitest'
import { parseMagnet } from '../../../src/node/torrent/magnet.ts'

const hash = 'c12fe1c06bba254a9dc9f519b335aa7c1367a88a'

test('a magnet link is read, with its trackers, web seeds and where the torrent is', () => {
  const tracker = 'udp://tracker.example.org:1337/announce'
  const link = [
    `magnet:?xt=urn:btmh:1220ab&xt=urn:btih:${hash.toUpperCase()}&dn=a+film&xl=7`,
    `tr=${encodeURIComponent(tracker)}&tr.1=http%3A%2F%2Fx.example%2Fannounce&tr=wss%3A%2F%2Fx.example`,
    'ws=http%3A%2F%2Fx.example%2Ffilm.mp4&xs=http%3A%2F%2Fx.example%2Ftorrent&xs=file%3A%2F%2F%2Fetc%2Fpasswd',
  ].join('&')
  expect(parseMagnet(link)).toEqual({
    infoHash: hash,
    trackers: [tracker, 'http://x.example/announce'],
    webSeeds: ['http://x.example/film.mp4'],
    exactSources: ['http://x.example/torrent'],
  })
})

test('an info-hash may be in base32', () => {
  expect(parseMagnet('magnet:?xt=urn:btih:YEX6DQDLXISUVHOJ6UM3GNNKPQJWPKEK').infoHash).toBe(hash)
})

test.each([
  ['http://example.org/', 'does not begin with magnet'],
  ['magnet:?dn=x', 'no info-hash'],
  [`magnet:?xt=urn:btih:${hash}0`, 'no info-hash'],
  ['magnet:?xt=urn:btmh:1220abcd', 'v2 alone'],
  [`magnet:?xt=urn:btih:${hash}&dn=${'x'.repeat(20_000)}`, 'longer than'],
])('%.60s is refused in a sentence', (link, sentence) => {
  expect(() => parseMagnet(link)).toThrow(
    expect.objectContaining({ name: 'TorrentError', message: expect.stringContaining(sentence) }),
  )
})
