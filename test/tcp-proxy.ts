import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** What a slow link passes on at a time. */
const PIECE_BYTES = 4 * 1024

type Direction = 'toManager' | 'toFileServer'

/** A bad network between a file-server, which dials this, and a manager: slow, deaf in one direction or both, cut. */
export class TcpProxy implements AsyncDisposable {
  readonly url: string
  bytesPerSecond = Number.POSITIVE_INFINITY
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #held = new Map<Direction, { until: Promise<void>; open: () => void }>()

  private constructor(server: Server) {
    this.#server = server
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  static async start(managerUrl: string): Promise<TcpProxy> {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const proxy = new TcpProxy(server)
    server.on('connection', (near) => proxy.#join(near, connect(Number(new URL(managerUrl).port), '127.0.0.1')))
    return proxy
  }

  /** From this moment nothing more arrives, and nobody is told. */
  hold(...directions: Direction[]): void {
    for (const direction of directions) {
      let open = (): void => undefined
      const until = new Promise<void>((resolve) => {
        open = resolve
      })
      this.#held.set(direction, { until, open })
    }
  }

  /** Ends all connections; what was held is lost. New ones pass. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
    for (const { open } of this.#held.values()) open()
    this.#held.clear()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    this.cut()
    await once(this.#server, 'close')
  }

  #join(fileServer: Socket, manager: Socket): void {
    // Either end may go at any moment: that is what this is for. The other one goes with it.
    const end = (): void => {
      fileServer.destroy()
      manager.destroy()
    }
    for (const socket of [fileServer, manager]) {
      this.#sockets.add(socket)
      socket.on('error', end)
      socket.on('close', () => {
        this.#sockets.delete(socket)
        end()
      })
    }
    this.#pump('toManager', fileServer, manager).then(end, end)
    this.#pump('toFileServer', manager, fileServer).then(end, end)
  }

  async #pump(direction: Direction, from: Socket, to: Socket): Promise<void> {
    for await (const bytes of from as AsyncIterable<Buffer>) {
      for (let offset = 0; offset < bytes.length; offset += PIECE_BYTES) {
        const piece = bytes.subarray(offset, offset + PIECE_BYTES)
        if (Number.isFinite(this.bytesPerSecond)) await delay((piece.length / this.bytesPerSecond) * 1_000)
        await this.#held.get(direction)?.until
        if (!to.destroyed) to.write(piece)
      }
    }
  }
}
