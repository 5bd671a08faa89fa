import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { encodeBencode } from '@holdfast/shared/node/torrent/bencode'
import { readTorrent } from '@holdfast/shared/node/torrent/metainfo'
import { afterEach, expect, test } from 'vitest'
import type { Torrent } from 'webtorrent'
import { everywhere } from '../../src/swarm/reach.ts'
import { WebSeed } from '../../src/swarm/web-seed.ts'
import { makeTorrent } from '../../src/torrent/make-torrent.ts'
import { countLooks } from './count-looks.ts'

const metainfo = readTorrent(makeTorrent({ name: 'x', length: 300, pieceLength: 256, pieces: Buffer.alloc(40) }, []))
const open: { close(): unknown }[] = []
afterEach(() => {
  for (const each of open.splice(0)) each.close()
})

/** Asks a web seed that may be slow for 0.5 s where others have it, for the second piece. */
async function ask(
  answer: (response: ServerResponse, range: string) => unknown,
  wires: readonly object[] = [],
  silenceMs = 1_500,
): Promise<Uint8Array | undefined> {
  const server = createServer((request, response) => void answer(response, request.headers.range ?? ''))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/x`
  const torrent = { pieces: [null, null], wires } as unknown as Torrent
  const seed = new WebSeed(url, torrent, metainfo, everywhere, { silenceMs, paceMs: 500 })
  open.push({ close: () => seed.destroy() }, { close: () => server.closeAllConnections() }, server)
  return new Promise((resolve, reject) =>
    seed.httpRequest(1, 4, 40, (error, bytes) => (error === null ? resolve(bytes) : reject(error))),
  )
}

async function trickle(response: ServerResponse, range: string): Promise<void> {
  expect(range).toBe('bytes=260-299')
  response.writeHead(206)
  for (let part = 0; part < 8; part++) {
    response.write(Buffer.alloc(5, part))
    await delay(1_000)
  }
  response.end()
}

const otherSources: [string, object[]][] = [
  ['nobody', []],
  ['another web seed', [{ type: 'webSeed', peerChoking: false, peerPieces: { get: () => true } }]],
  ['a peer that gives nothing', [{ type: 'tcpIncoming', peerChoking: true, peerPieces: { get: () => true } }]],
  ['a peer of other pieces', [{ type: 'tcpIncoming', peerChoking: false, peerPieces: { get: () => false } }]],
]

test('one that is slow is waited for while it sends something, where no peer has the piece', async () => {
  const all = Buffer.concat([...Array(8).keys()].map((part) => Buffer.alloc(5, part)))
  const isWaitedFor = async ([who, wires]: [string, object[]]) =>
    expect(await ask(trickle, wires, 6_000), who).toEqual(all)
  await Promise.all(otherSources.map(isWaitedFor))
})

test('one that is slow is not waited for where a peer has the piece', async () => {
  const peer = { type: 'utpOutgoing', peerChoking: false, peerPieces: { get: (index: number) => index === 1 } }
  await expect(ask(trickle, [peer], 6_000)).rejects.toThrow('a peer has the piece')
})

test('one that has fallen silent is not', async () => {
  await expect(ask((response) => response.writeHead(206).write('a'))).rejects.toThrow('fallen silent')
})

test.each<[string, (response: ServerResponse) => unknown, string]>([
  ['the whole for a part', (response) => response.writeHead(200).end(Buffer.alloc(40)), 'answers 200'],
  ['more', (response) => response.writeHead(206).end(Buffer.alloc(41)), 'more than it was asked for'],
  ['less', (response) => response.writeHead(206).end(Buffer.alloc(39)), 'less than it was asked for'],
])('%s is refused', async (_, answer, sentence) => {
  await expect(ask(answer)).rejects.toThrow(sentence)
})

test('a block of a torrent of many files is fetched without a look at each of them', async () => {
  const files = Array.from({ length: 1_000 }, (_, number) => ({ path: [`${number}`], length: number % 3 }))
  const info = { name: 'album', files, 'piece length': 256, pieces: Buffer.alloc(20 * 4) }
  const whole = readTorrent(encodeBencode({ info }))
  const count = countLooks(whole.files)
  const asked: string[] = []
  const fetch = async (url: string | URL | Request) => {
    asked.push(String(url))
    return new Response(Buffer.from([String(url).endsWith('/601') ? 1 : 2]), { status: 206 })
  }
  const torrent = { pieces: [], wires: [] } as unknown as Torrent
  const seed = new WebSeed('http://127.0.0.1/', torrent, { ...whole, files: count.files }, { fetch })
  open.push({ close: () => seed.destroy() })
  count.looks = 0
  const bytes = await new Promise((resolve, reject) =>
    seed.httpRequest(2, 600 - 2 * 256, 2, (error, found) => (error === null ? resolve(found) : reject(error))),
  )
  expect(asked).toEqual(['http://127.0.0.1/album/601', 'http://127.0.0.1/album/602'])
  expect(bytes).toEqual(Buffer.from([1, 2]))
  expect(count.looks).toBeLessThan(100)
})
