import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { encodeBencode } from '@holdfast/shared/node/torrent/bencode'
import { readTorrent } from '@holdfast/shared/node/torrent/metainfo'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { fetchMetainfo } from '../../src/swarm/fetch-metainfo.ts'
import { SwarmClient } from '../../src/swarm/swarm-client.ts'
import { makeTorrent } from '../../src/torrent/make-torrent.ts'

const log = pino({ level: 'silent' })
const bytes = Buffer.alloc(1_000, 7)
const pieces = createHash('sha1').update(bytes).digest()
const { infoHash, bare } = readTorrent(makeTorrent({ name: 'x', length: 1_000, pieceLength: 65_536, pieces }, []))
let directory: string
let swarm: SwarmClient
const opened: { close(): unknown }[] = []
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-hostile-'))
  await writeFile(join(directory, 'x'), bytes)
  swarm = await SwarmClient.listen({ host: '127.0.0.1', port: 0, log })
  swarm.offer(infoHash, { path: join(directory, 'x'), torrent: async () => bare, isUnchanged: async () => true })
})
afterEach(async () => {
  for (const each of opened.splice(0)) each.close()
  await swarm.close()
  await rm(directory, { recursive: true })
})

/** The beginning of a connection (BEP 3), by somebody who speaks extensions (BEP 10). */
function handshake(hash: string): Buffer {
  const reserved = Buffer.from('0000000000100000', 'hex')
  return Buffer.concat([
    Buffer.from('\x13BitTorrent protocol'),
    reserved,
    Buffer.from(hash, 'hex'),
    Buffer.alloc(20, 120),
  ])
}

/** A message of an extension; 0 is the handshake. */
function extended(id: number, payload: string | Buffer): Buffer {
  const body = Buffer.concat([Buffer.from([20, id]), Buffer.from(payload)])
  const head = Buffer.alloc(4)
  head.writeUInt32BE(body.length)
  return Buffer.concat([head, body])
}

/** Connects with the peer, which has answered by then. */
async function meet(hash = infoHash): Promise<Socket> {
  const socket = connect(swarm.port, '127.0.0.1')
  socket.on('error', () => undefined)
  opened.push({ close: () => socket.destroy() })
  socket.write(handshake(hash))
  const [answer] = await once(socket, 'data')
  expect(answer.toString('latin1')).toContain('BitTorrent protocol')
  socket.resume()
  return socket
}

// Of a peer's extensions the first is ut_metadata.
test.each<[string, Buffer[]]>([
  ['an empty message', [extended(1, '')]],
  ['a message that is no dictionary', [extended(1, '5:hello')]],
  ['a piece that is none', [extended(1, 'd8:msg_typei0e5:piecei99999999ee')]],
  ['a length below zero', [extended(1, 'l-3:')]],
  ['a handshake with a length below zero', [extended(0, 'd1:ml-3:')]],
  ['a handshake that names a method', [extended(0, 'd1:md1:ad8:toString1:xeee')]],
  ['a handshake of many values', [extended(0, `d1:vl${'0:'.repeat(5_000)}ee`)]],
  ['a handshake of 1 MiB', [extended(0, `l${'0:'.repeat(524_000)}e`)]],
  ['ever more names', [...Array(19).keys()].map((n) => extended(0, encodeBencode({ m: names(n) })))],
  ['ever more handshakes', Array.from({ length: 30 }, () => extended(0, 'de'))],
])('%s ends the connection of whoever sends it, and no other', async (_, messages) => {
  const other = await meet()
  const socket = await meet()
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.write(Buffer.concat(messages))
  await closed
  expect(other.closed).toBe(false)
  await meet()
})

test('what is as it should be is answered', async () => {
  const socket = await meet()
  socket.write(extended(0, 'd1:md11:ut_metadatai3ee1:v1:xe'))
  const seen: Buffer[] = []
  socket.on('data', (data: Buffer) => seen.push(data))
  socket.write(extended(1, 'd8:msg_typei0e5:piecei0ee'))
  await expect
    .poll(() => Buffer.concat(seen).includes(bare.subarray('d4:info'.length, -1)), { timeout: 10_000 })
    .toBe(true)
})

test('whoever asks again and again what a torrent is of, and reads no answer, is dropped', async () => {
  const large = { name: 'y', length: 800 * 65_536, pieceLength: 65_536, pieces: Buffer.alloc(800 * 20) }
  const torrent = readTorrent(makeTorrent(large, []))
  swarm.offer(torrent.infoHash, { path: '/y', torrent: async () => torrent.bare, isUnchanged: async () => true })
  const socket = await meet(torrent.infoHash)
  socket.write(extended(0, 'd1:md11:ut_metadatai3eee'))
  socket.pause()
  const closed = new Promise((resolve) => socket.once('close', resolve))
  const requests = Buffer.concat(Array(1_000).fill(extended(1, 'd8:msg_typei0e5:piecei0ee')))
  for (let round = 0; round < 20; round++) socket.write(requests)
  await closed
})

test.each<[string, string, (piece: Buffer) => Buffer]>([
  ['a piece beyond the end', infoHash, () => extended(1, `d8:msg_typei1e5:piecei0ee${'x'.repeat(200)}`)],
  [
    'an info that no decoder should see, though its hash is right',
    createHash('sha1').update('l-3:').digest('hex'),
    () => extended(1, 'd8:msg_typei1e5:piecei0eel-3:'),
  ],
])('whoever asks what a torrent is of is not harmed by %s', async (_, hash, answer) => {
  let asked = 0
  const size = hash === infoHash ? 100 : 4
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => {
      socket.write(Buffer.concat([handshake(hash), extended(0, `d1:md11:ut_metadatai3ee13:metadata_sizei${size}ee`)]))
      socket.on('data', (data: Buffer) => {
        if (!data.includes('msg_typei0e')) return
        asked += 1
        socket.write(answer(data))
      })
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  opened.push(server)
  const { port } = server.address() as AddressInfo
  const findPeers = (onPeers: (peers: { host: string; port: number }[]) => void) => {
    onPeers([{ host: '127.0.0.1', port }])
    return []
  }
  const own = await SwarmClient.listen({ host: '127.0.0.1', port: 0, log })
  opened.push(own)
  const stop = new AbortController()
  const over = fetchMetainfo({ swarm: own, log }, { infoHash: hash, isUdpOnly: false, findPeers }, stop.signal)
  over.catch(() => undefined)
  await vi.waitFor(() => expect(asked).toBeGreaterThan(0))
  // What it was told must not be taken.
  await delay(1_000)
  stop.abort()
  await expect(over).rejects.toThrow()
})

/** @returns four extensions that nobody has named before */
function names(number: number): Record<string, number> {
  return Object.fromEntries([...Array(4).keys()].map((other) => [`x${number}-${other}`, 9]))
}
