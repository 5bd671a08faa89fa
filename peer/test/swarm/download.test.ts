import { randomBytes } from 'node:crypto'
import { getEventListeners, once } from 'node:events'
import { mkdtemp, open, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Metainfo, readTorrent } from '@holdfast/shared/node/torrent/metainfo'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Torrent, UnfinishedPiece } from 'webtorrent'
import { type DownloadWish, download } from '../../src/swarm/download.ts'
import { PieceFiles } from '../../src/swarm/piece-files.ts'
import { SwarmClient } from '../../src/swarm/swarm-client.ts'
import type { FoundPeer } from '../../src/swarm/trackers/peer-finder.ts'
import { hashFile } from '../../src/torrent/hash-file.ts'
import { makeTorrent } from '../../src/torrent/make-torrent.ts'

const log = pino({ level: 'silent' })
const PIECE = 65_536
const bytes = randomBytes(20 * PIECE + 5)
let directory: string
let metainfo: Metainfo
const opened: { close(): unknown }[] = []

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-swarm-'))
  await writeFile(join(directory, 'whole'), bytes)
  const { pieces } = await hashFile(join(directory, 'whole'), () => PIECE, AbortSignal.timeout(10_000))
  metainfo = readTorrent(makeTorrent({ name: 'x', length: bytes.length, pieceLength: PIECE, pieces }, []))
})
afterEach(async () => {
  vi.restoreAllMocks()
  for (const each of opened.splice(0)) await each.close()
  await rm(directory, { recursive: true })
})

async function listen(): Promise<SwarmClient> {
  const swarm = await SwarmClient.listen({ host: '127.0.0.1', port: 0, log })
  opened.push(swarm)
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
  opened.push({ close: () => server.close() })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/x`
}

async function load(
  webSeeds: readonly string[],
  peers: readonly FoundPeer[],
  isUdpOnly = false,
  signal = AbortSignal.timeout(15_000),
  wanted = metainfo,
  onProgress: DownloadWish['onProgress'] = () => undefined,
) {
  const swarm = await listen()
  const target = join(directory, 'got')
  const troubles: string[] = []
  const deps = { swarm, log, journals: join(directory, 'journals') }
  const result = await download(
    deps,
    {
      ...{ metainfo: { ...wanted, webSeeds }, target, isUdpOnly, onProgress },
      onTrouble: (sentence) => troubles.push(sentence),
      findPeers: ({ onPeers }) => {
        onPeers(peers)
        return []
      },
    },
    signal,
  )
  expect((await readFile(target)).equals(bytes)).toBe(true)
  await vi.waitFor(async () => expect(await openFiles()).not.toContain(target), { timeout: 10_000 })
  return { ...result, troubles }
}

/** Loads until this holds and for so long after it, and is interrupted then. */
async function loadUntil(
  holds: () => unknown,
  [webSeeds = [], peers = []]: readonly [webSeeds?: readonly string[], peers?: readonly FoundPeer[]],
  longerMs = 0,
): Promise<void> {
  const stop = new AbortController()
  const over = load(webSeeds, peers, false, stop.signal)
  over.catch(() => undefined)
  await vi.waitFor(holds)
  await delay(longerMs)
  stop.abort()
  await expect(over).rejects.toThrow('interrupted')
}

/** @returns the paths of what this process has open; none where the system does not tell */
async function openFiles(): Promise<string[]> {
  const names = await readdir('/proc/self/fd').catch(() => [])
  return Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')))
}

async function seed(name = 'whole', isUnchanged = async () => true): Promise<FoundPeer> {
  const swarm = await listen()
  const offer = { path: join(directory, name), torrent: async () => metainfo.bare, isUnchanged }
  swarm.offer(metainfo.infoHash, offer)
  return { host: '127.0.0.1', port: swarm.port }
}

/** @returns what a later run will not load again */
async function listedPieces(): Promise<number[]> {
  const names = await readdir(join(directory, 'journals'))
  // Another one may be about to take its place.
  const journal = names.find((name) => name.endsWith('.jsonl')) ?? ''
  const lines = (await readFile(join(directory, 'journals', journal), 'utf8')).trim().split('\n')
  return lines.slice(1).flatMap((line) => JSON.parse(line) as number[])
}

/** @returns what gives some pieces, and then none */
function slowly(left = 6): (part: Buffer) => Buffer {
  return (part) => (left-- > 0 ? part : Buffer.alloc(0))
}

const wrong = (part: Buffer): Buffer => part.fill(0, 0, Math.min(10, part.length))

test('a peer gives what it offers over TCP, and over uTP alone where that is wanted', async () => {
  const peer = await seed()
  expect((await load([], [peer])).received).toMatchObject({ tcp: bytes.length, utp: 0 })
  await rm(join(directory, 'got'))
  expect((await load([], [peer], true)).received).toMatchObject({ tcp: 0, utp: bytes.length })
})

test('a piece is finished before another is begun, so that little is in memory, and lost by a crash', async () => {
  const peer = await seed()
  const { add } = SwarmClient.prototype
  const unfinished: number[] = []
  vi.spyOn(SwarmClient.prototype, 'add').mockImplementationOnce(function (this: SwarmClient, ...asked) {
    const torrent = add.apply(this, asked)
    torrent.on('verified', () => {
      const isHalfAsked = (piece: UnfinishedPiece | null) => piece !== null && piece._reservations % piece._chunks !== 0
      unfinished.push(torrent.pieces.filter(isHalfAsked).length)
    })
    return torrent
  })
  await load([], [peer])
  expect(unfinished).toHaveLength(21)
  expect(Math.max(...unfinished)).toBeLessThan(2)
})

test('while nothing arrives those who are connected are asked again and again', async () => {
  const add = vi.spyOn(SwarmClient.prototype, 'add')
  const stop = new AbortController()
  const over = load([], [], false, stop.signal)
  over.catch(() => undefined)
  const torrent: Torrent = await vi.waitFor(() => add.mock.results[0]?.value ?? Promise.reject(new Error('not yet')), {
    timeout: 10_000,
  })
  add.mockRestore()
  const ask = vi.spyOn(torrent, '_update')
  await vi.waitFor(() => expect(ask.mock.calls.length).toBeGreaterThan(2))
  stop.abort()
  await expect(over).rejects.toThrow('interrupted')
})

test('no more is read of a file than the block that somebody asks for', async () => {
  const read = vi.spyOn(PieceFiles.prototype, 'get')
  await load([], [await seed()])
  const lengths = read.mock.calls.map(([, wish]) => (wish as { length?: number } | null)?.length ?? PIECE)
  read.mockRestore()
  expect(lengths.length).toBeGreaterThan(80)
  expect(Math.max(...lengths)).toBe(16_384)
})

test('a file that is changed while it is given is given no longer, to whoever comes then', async () => {
  let isChanged = false
  let refusalCount = 0
  const peer = await seed('whole', async () => {
    if (isChanged) refusalCount++
    return !isChanged
  })
  await load([], [peer])
  await rm(join(directory, 'got'))
  isChanged = true
  await loadUntil(() => expect(refusalCount).toBeGreaterThan(0), [[], [peer]], 1_000)
  const written = await stat(join(directory, 'got.part'))
  expect(written.blocks).toBe(0)
})

test('what was loaded is not hashed again, but for a few pieces of it', async () => {
  const stop = new AbortController()
  const over = load([await serve(slowly(18))], [], false, stop.signal)
  over.catch(() => undefined)
  await vi.waitFor(async () => expect((await listedPieces()).length).toBeGreaterThan(11), { timeout: 15_000 })
  stop.abort()
  await expect(over).rejects.toThrow('interrupted')
  const listed = await listedPieces()
  const read = vi.spyOn(PieceFiles.prototype, 'get')
  const prepare = vi.spyOn(PieceFiles.prototype, 'prepare')
  const resumed = listed.map((index) => bytes.subarray(index * PIECE, (index + 1) * PIECE))
  expect((await load([await serve((part) => part)], [])).resumedBytes).toBe(Buffer.concat(resumed).length)
  const [store] = prepare.mock.contexts
  read.mockRestore()
  prepare.mockRestore()
  // Eight of ours, and one of webtorrent's.
  expect((store as PieceFiles).readBytes).toBeLessThanOrEqual(9 * PIECE)
})

test('what is loaded is not ended where a share of the same bytes is withdrawn, and says so where it is ended', async () => {
  const add = vi.spyOn(SwarmClient.prototype, 'add')
  const over = load([], [])
  over.catch(() => undefined)
  const torrent: Torrent = await vi.waitFor(() => add.mock.results[0]?.value ?? Promise.reject(new Error('not yet')), {
    timeout: 10_000,
  })
  const [swarm] = add.mock.contexts as SwarmClient[]
  add.mockRestore()
  await vi.waitFor(() => expect(torrent.ready).toBe(true), { timeout: 10_000 })
  swarm?.withdraw(metainfo.infoHash)
  expect(torrent.destroyed).toBe(false)
  torrent.destroy()
  await expect(over).rejects.toThrow('the swarm has ended it')
})

test('what was loaded is not trusted where the disk has something else by then, and is loaded again', async () => {
  const isListed = async () => expect((await listedPieces()).length).toBeGreaterThan(0)
  await loadUntil(isListed, [[await serve(slowly())]])
  const listed = await listedPieces()
  // All that is listed is damaged, so that whichever is looked at first is.
  const part = await open(join(directory, 'got.part'), 'r+')
  for (const index of listed) await part.write(Buffer.from('wrong'), 0, 5, index * PIECE)
  await part.close()
  // What this run finds out the next one knows, though this one is ended.
  await loadUntil(async () => expect(await listedPieces()).toEqual([]), [])
  expect((await load([], [await seed()])).resumedBytes).toBe(0)
})

test('a download leaves nothing at the signal that may end it, which lives as long as the peer', async () => {
  const { signal } = new AbortController()
  const any = vi.spyOn(AbortSignal, 'any')
  await load([], [await seed()], false, signal)
  expect(getEventListeners(signal, 'abort')).toEqual([])
  expect(any.mock.calls.flatMap(([signals]) => [...signals])).not.toContain(signal)
})

test('what another torrent has loaded so far, or is no part of any, is left alone', async () => {
  const isListed = async () => expect((await listedPieces()).length).toBeGreaterThan(0)
  await loadUntil(isListed, [[await serve(slowly())]])
  const before = await readFile(join(directory, 'got.part'))
  const { pieces } = await hashFile(join(directory, 'whole'), () => 2 * PIECE, AbortSignal.timeout(10_000))
  const other = readTorrent(makeTorrent({ name: 'y', length: bytes.length, pieceLength: 2 * PIECE, pieces }, []))
  await expect(load([], [], false, undefined, other)).rejects.toThrow('another torrent has loaded')
  expect((await readFile(join(directory, 'got.part'))).equals(before)).toBe(true)
  await rm(join(directory, 'journals'), { recursive: true })
  await writeFile(join(directory, 'got.part'), 'letters')
  await expect(load([], [])).rejects.toThrow('no part of this torrent')
  expect(await readFile(join(directory, 'got.part'), 'utf8')).toBe('letters')
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

test('what a web seed has sent of a piece is told before the piece is whole', async () => {
  const arriving: number[] = []
  const server = createServer(async (request, response) => {
    const [, from = '', to = ''] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []
    const part = bytes.subarray(Number(from), Number(to) + 1)
    const first = part.subarray(0, 1_000)
    response.writeHead(206).write(first)
    // The last piece is shorter, and may be asked for alone.
    await vi.waitFor(() => expect(Math.max(...arriving)).toBeGreaterThanOrEqual(first.length), 10_000)
    response.end(part.subarray(1_000))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  opened.push({ close: () => server.close() })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/x`
  await load([url], [], false, undefined, metainfo, (_, arrivingBytes) => void arriving.push(arrivingBytes))
  expect(arriving.at(-1)).toBe(0)
})

test('a web seed that has nothing but wrong bytes is not asked for ever', async () => {
  const asked: string[] = []
  const url = await serve(wrong, asked)
  await loadUntil(() => expect(asked.length).toBeGreaterThan(0), [[url]], 1_500)
  expect(asked.length).toBeLessThan(25)
})

test('a web seed that sends more than it was asked for, or the whole for a part, is not read further', async () => {
  const asked: string[] = []
  const url = await serve((part) => Buffer.concat([part, Buffer.alloc(10_000_000)]), asked)
  await loadUntil(() => expect(asked.length).toBeGreaterThan(0), [[url]], 1_000)
})
