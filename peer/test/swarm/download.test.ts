import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { download } from '../../src/swarm/download.ts'
import type { FoundPeer } from '../../src/swarm/peer-finder.ts'
import { SwarmClient } from '../../src/swarm/swarm-client.ts'
import { hashFile } from '../../src/torrent/hash-file.ts'
import { type Metainfo, makeTorrent, readTorrent } from '../../src/torrent/metainfo.ts'

const log = pino({ level: 'silent' })
const PIECE = 65_536
const bytes = randomBytes(20 * PIECE + 5)
let directory: string
let metainfo: Metainfo
const open: { close(): unknown }[] = []

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-swarm-'))
  await writeFile(join(directory, 'whole'), bytes)
  const { pieces } = await hashFile(join(directory, 'whole'), () => PIECE, AbortSignal.timeout(10_000))
  metainfo = readTorrent(makeTorrent({ name: 'x', length: bytes.length, pieceLength: PIECE, pieces }, []))
})
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
  await rm(directory, { recursive: true })
})

async function listen(): Promise<SwarmClient> {
  const swarm = await SwarmClient.listen({ host: '127.0.0.1', port: 0, log })
  open.push(swarm)
  return swarm
}

/** Answers ranges, as `bytesOf` changes them. */
async function serve(bytesOf: (part: Buffer) => Buffer, seen: string[] = []): Promise<string> {
  const server: Server = createServer((request, response) => {
    const [, from = '', to = ''] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []
    seen.push(request.headers.range ?? '')
    response.writeHead(206).end(bytesOf(Buffer.from(bytes.subarray(Number(from), Number(to) + 1))))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  open.push({ close: () => server.close() })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/x`
}

async function load(
  webSeeds: readonly string[],
  peers: readonly FoundPeer[],
  isUdpOnly = false,
  signal = AbortSignal.timeout(15_000),
) {
  const swarm = await listen()
  const target = join(directory, 'got')
  const troubles: string[] = []
  const deps = { swarm, log, journals: join(directory, 'journals') }
  const result = await download(
    deps,
    {
      ...{ metainfo: { ...metainfo, webSeeds }, target, isUdpOnly, onProgress: () => undefined },
      onTrouble: (sentence) => troubles.push(sentence),
      findPeers: ({ onPeers }) => {
        onPeers(peers)
        return []
      },
    },
    signal,
  )
  expect((await readFile(target)).equals(bytes)).toBe(true)
  await vi.waitFor(async () => expect(await openFiles()).not.toContain(target))
  return { ...result, troubles }
}

/** @returns the paths of what this process has open; none where the system does not tell */
async function openFiles(): Promise<string[]> {
  const names = await readdir('/proc/self/fd').catch(() => [])
  return Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')))
}

async function seed(name = 'whole'): Promise<FoundPeer> {
  const swarm = await listen()
  const offer = { path: join(directory, name), torrent: async () => metainfo.bare, isUnchanged: async () => true }
  swarm.offer(metainfo.infoHash, offer)
  return { host: '127.0.0.1', port: swarm.port }
}

const wrong = (part: Buffer): Buffer => part.fill(0, 0, Math.min(10, part.length))

test('a peer gives what it offers over TCP, and over uTP alone where that is wanted', async () => {
  const peer = await seed()
  expect((await load([], [peer])).received).toMatchObject({ tcp: bytes.length, utp: 0 })
  await rm(join(directory, 'got'))
  expect((await load([], [peer], true)).received).toMatchObject({ tcp: 0, utp: bytes.length })
})

test('a web seed that sends wrong bytes is dropped, and the rest comes from elsewhere', async () => {
  const asked: string[] = []
  const { received } = await load([await serve(wrong, asked), await serve((part) => part)], [await seed()])
  expect(asked.length).toBeLessThan(25)
  expect(received.tcp + received.webSeed).toBeGreaterThanOrEqual(bytes.length)
})

test('whoever sends wrong bytes is dropped, and none of those who load the same pieces with him', async () => {
  await writeFile(join(directory, 'lies'), randomBytes(bytes.length))
  const liar = await seed('lies')
  const { troubles } = await load([await serve((part) => part)], [liar, await seed(), await seed()])
  expect(troubles.filter((sentence) => !sentence.startsWith(`127.0.0.1:${liar.port} sent wrong bytes`))).toEqual([])
})

test('a web seed that has nothing but wrong bytes is not asked for ever', async () => {
  const asked: string[] = []
  const url = await serve(wrong, asked)
  await expect(load([url], [], false, AbortSignal.timeout(1_500))).rejects.toThrow('interrupted')
  expect(asked.length).toBeLessThan(25)
})

test('a web seed that sends more than it was asked for, or the whole for a part, is not read further', async () => {
  const asked: string[] = []
  const url = await serve((part) => Buffer.concat([part, Buffer.alloc(10_000_000)]), asked)
  await expect(load([url], [], false, AbortSignal.timeout(1_500))).rejects.toThrow('interrupted')
  expect(asked.length).toBeGreaterThan(0)
})
