import { createHash, randomBytes, randomInt } from 'node:crypto'
import { once } from 'node:events'
import { access, readFile, writeFile } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { Transform } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { request } from '../cluster/http.ts'
import { jsonOf, put } from '../cluster/shares.ts'
import { TestCluster } from '../cluster/test-cluster.ts'
import { TestPeer } from '../cluster/test-peer.ts'
import { waitUntil } from '../cluster/wait-until.ts'
import { isFullRun } from '../full-run.ts'

const MIB = 1024 ** 2

/** Leads to a manager or a peer, and lets through only so many bytes a second of what it answers. */
class SlowRoad implements AsyncDisposable {
  passedBytes = 0
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  constructor(url: string, bytesPerSecond: number) {
    const { hostname, port } = new URL(url)
    let freeAt = 0
    this.#server = createServer((client) => {
      const server = connect({ host: hostname, port: Number(port) })
      const slow = new Transform({
        transform: (chunk: Buffer, _, done) => {
          this.passedBytes += chunk.length
          freeAt = Math.max(freeAt, performance.now()) + (1000 * chunk.length) / bytesPerSecond
          setTimeout(() => done(null, chunk), freeAt - performance.now())
        },
      })
      for (const socket of [client, server]) {
        this.#sockets.add(socket)
        socket.on('error', () => socket.destroy())
        socket.on('close', () => {
          client.destroy()
          server.destroy()
          this.#sockets.delete(socket)
        })
      }
      client.pipe(server).pipe(slow).pipe(client)
    })
  }

  async open(): Promise<string> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? `http://127.0.0.1:${address.port}` : ''
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
  }
}

const kills = 20
const bytes = randomBytes(kills * 4 * MIB)
let cluster: TestCluster
beforeAll(async () => {
  if (isFullRun) cluster = await TestCluster.start({ mongoUrl: inject('mongoUrl'), fileServers: 2 })
})
afterAll(() => cluster?.[Symbol.asyncDispose]())

/** Has a peer load what comes by a road, kills it again and again, and lets it go on in the end. */
async function loadInSpiteOfKills(peer: TestPeer, road: SlowRoad, torrent: string): Promise<void> {
  const isThere = (name: string) =>
    access(peer.path(name)).then(
      () => true,
      () => false,
    )
  for (let kill = 0; kill < kills && !(await isThere('got.bin')); kill++) {
    const running = peer.start(['download', torrent, 'got.bin'])
    const before = road.passedBytes
    await waitUntil('bytes come', () => road.passedBytes > before + 100_000 || !running.isRunning)
    await delay(randomInt(1_500))
    await running.kill()
  }
  const last = await peer.do('download', torrent, 'got.bin')
  expect(last).toMatchObject({ code: 0, out: 'SUCCESSFUL DOWNLOAD\n' })
  expect((await readFile(peer.path('got.bin'))).equals(bytes)).toBe(true)
  const [, resumed] = /(\d+) bytes were there/.exec(last.errors) ?? []
  expect(Number(resumed)).toBeGreaterThan(bytes.length / 16)
  // A kill loses what was under way, of four connections a piece each, and what came within half a second.
  expect(road.passedBytes).toBeLessThan(bytes.length + (kills + 1) * 4 * MIB)
}

describe.runIf(isFullRun)('a download that is killed 20 times goes on each time, and is whole in the end', () => {
  test('from the store, as a web seed', async () => {
    await using road = new SlowRoad(cluster.url, 4 * MIB)
    await using peer = await TestPeer.make(cluster.url)
    const url = await road.open()
    await put(cluster.url, 'long.bin', bytes)
    // The torrent leads to where it was asked for.
    await writeFile(peer.path('long.torrent'), (await request(`${url}/file/long.bin?torrent`)).body)
    await loadInSpiteOfKills(peer, road, 'long.torrent')
  }, 240_000)

  test('from a peer', async () => {
    await using seeder = await TestPeer.make(cluster.url)
    await using peer = await TestPeer.make(cluster.url)
    await writeFile(seeder.path('long.bin'), bytes)
    await writeFile(seeder.path('long.json'), jsonTorrent(await newHash(9)))
    const online = await seeder.run()
    online.type('upload long.bin long.json')
    await online.says('SUCCESSFUL UPLOAD')
    const [, port] = /listens at 127\.0\.0\.1:(\d+)/.exec(online.said) ?? []
    await using road = new SlowRoad(`http://127.0.0.1:${port}`, 4 * MIB)
    // The same parts are the same swarm, and of this hash the tracker knows the road alone.
    const hash = await newHash(Number(new URL(await road.open()).port))
    await writeFile(peer.path('long.json'), jsonTorrent(hash))
    await loadInSpiteOfKills(peer, road, 'long.json')
  }, 240_000)
})

/** @returns a hash of the tracker's, of which it knows a peer at this port of this machine */
async function newHash(port: number): Promise<string> {
  const body = JSON.stringify({ listening_host: '127.0.0.1', listening_port: port })
  const headers = { 'content-type': 'application/json' }
  return jsonOf<{ hash: string }>(await request(`${cluster.url}/hash`, { method: 'POST', headers, body })).hash
}

function jsonTorrent(hash: string): string {
  const parts = Array.from({ length: bytes.length / MIB }, (_, index) =>
    createHash('sha1')
      .update(bytes.subarray(index * MIB, (index + 1) * MIB))
      .digest('hex'),
  )
  return JSON.stringify({ FileInfo: { Size: bytes.length, PartSize: MIB, Parts: parts, Hash: hash } })
}
