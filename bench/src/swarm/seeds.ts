import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { link, mkdir, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { announceAnswer, type TorrentInfo, torrentOf } from './torrent.ts'

const START_LIMIT_MS = 60_000

/**
 * Runs seeds of one file, each an aria2c of its own, and a tracker that names the first so many of them. The seeds are the
 * same for everybody who loads, so that only the clients differ, and aria2c takes the least of a processor that all share.
 */
export class Seeds implements AsyncDisposable {
  readonly #children: ChildProcess[] = []
  readonly #tracker: Server
  #ports: readonly number[] = []

  private constructor(tracker: Server) {
    this.#tracker = tracker
  }

  /** @param file is the path of the whole file. @param directory is an empty one */
  static async start(file: string, info: TorrentInfo, count: number, directory: string): Promise<Seeds> {
    const tracker = createServer((request, response) => {
      const named = /^\/(\d+)\/announce\?/.exec(request.url ?? '')?.[1]
      if (named === undefined) response.writeHead(404).end()
      else response.end(announceAnswer(seeds.#ports.slice(0, Number(named))))
    })
    const seeds = new Seeds(tracker)
    try {
      tracker.listen(0, '127.0.0.1')
      await once(tracker, 'listening')
      const torrent = join(directory, 'seeds.torrent')
      await writeFile(torrent, torrentOf(info, seeds.trackerUrl(0)))
      seeds.#ports = await freePorts(count)
      for (const port of seeds.#ports) {
        const own = join(directory, String(port))
        await mkdir(own)
        await link(file, join(own, nameIn(file)))
        seeds.#children.push(seed(torrent, own, port))
      }
      for (const port of seeds.#ports) await untilListening(port)
      return seeds
    } catch (error) {
      await seeds[Symbol.asyncDispose]()
      throw error
    }
  }

  get trackerPort(): number {
    return (this.#tracker.address() as AddressInfo).port
  }

  /** @returns where the first so many seeds are told */
  trackerUrl(seedCount: number): string {
    return `http://127.0.0.1:${this.trackerPort}/${seedCount}/announce`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    this.#tracker.close()
    this.#tracker.closeAllConnections()
  }
}

function nameIn(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

function seed(torrent: string, directory: string, port: number): ChildProcess {
  const network = ['--enable-dht=false', '--bt-enable-lpd=false', '--enable-peer-exchange=false']
  const args = [
    ...network,
    `--listen-port=${port}`,
    '--seed-ratio=0',
    '--bt-seed-unverified=true',
    `--dir=${directory}`,
  ]
  return spawn('aria2c', [...args, torrent], { stdio: 'ignore' })
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createTcpServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => server.listening || once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

async function untilListening(port: number): Promise<void> {
  const deadline = performance.now() + START_LIMIT_MS
  while (performance.now() < deadline) {
    const socket = connect({ host: '127.0.0.1', port })
    const isThere = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (isThere) return
    await delay(100)
  }
  throw new Error('a seed (aria2c) does not listen')
}
