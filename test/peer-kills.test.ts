import { randomBytes, randomInt } from 'node:crypto'
import { once } from 'node:events'
import { access, readFile, writeFile } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { Transform } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, inject, test } from 'vitest'
import { request } from './cluster/http.ts'
import { put } from './cluster/shares.ts'
import { TestCluster } from './cluster/test-cluster.ts'
import { TestPeer } from './cluster/test-peer.ts'
import { waitUntil } from './cluster/wait-until.ts'
import { isFullRun } from './full-run.ts'

const MIB = 1024 ** 2

/** Leads to a manager, and lets through only so many bytes a second of what it answers. */
class SlowRoad implements AsyncDisposable {
  passedBytes = 0
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  constructor(managerUrl: string, bytesPerSecond: number) {
    const { hostname, port } = new URL(managerUrl)
    let freeAt = 0
    this.#server = createServer((client) => {
      const manager = connect({ host: hostname, port: Number(port) })
      const slow = new Transform({
        transform: (chunk: Buffer, _, done) => {
          this.passedBytes += chunk.length
          freeAt = Math.max(freeAt, performance.now()) + (1000 * chunk.length) / bytesPerSecond
          setTimeout(() => done(null, chunk), freeAt - performance.now())
        },
      })
      for (const socket of [client, manager]) {
        this.#sockets.add(socket)
        socket.on('error', () => socket.destroy())
        socket.on('close', () => {
          client.destroy()
          manager.destroy()
          this.#sockets.delete(socket)
        })
      }
      client.pipe(manager).pipe(slow).pipe(client)
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

test.runIf(isFullRun)(
  `a download that is killed 20 times goes on each time, and is whole in the end`,
  async () => {
    const kills = 20
    const bytes = randomBytes(kills * 4 * MIB)
    await using cluster = await TestCluster.start({ mongoUrl: inject('mongoUrl'), fileServers: 2 })
    await using road = new SlowRoad(cluster.url, 4 * MIB)
    await using peer = await TestPeer.make(cluster.url)
    const url = await road.open()
    await put(cluster.url, 'long.bin', bytes)
    // The torrent leads to where it was asked for.
    const { body } = await request(`${url}/file/long.bin?torrent`)
    await writeFile(peer.path('long.torrent'), body)
    const isThere = (name: string) =>
      access(peer.path(name)).then(
        () => true,
        () => false,
      )

    for (let kill = 0; kill < kills && !(await isThere('got.bin')); kill++) {
      const running = peer.start(['download', 'long.torrent', 'got.bin'])
      const before = road.passedBytes
      await waitUntil('bytes come', () => road.passedBytes > before + 100_000 || !running.isRunning)
      await delay(randomInt(900))
      await running.kill()
    }
    const last = await peer.do('download', 'long.torrent', 'got.bin')
    expect(last).toMatchObject({ code: 0, out: 'SUCCESSFUL DOWNLOAD\n' })
    expect((await readFile(peer.path('got.bin'))).equals(bytes)).toBe(true)
    const [, resumed] = /(\d+) bytes were there/.exec(last.errors) ?? []
    expect(Number(resumed)).toBeGreaterThan(0)
    // A kill loses what was under way, of four connections a piece each, and what came within half a second.
    expect(road.passedBytes).toBeLessThan(bytes.length + (kills + 1) * 4 * MIB)
  },
  120_000,
)
