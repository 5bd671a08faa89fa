import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** A TCP proxy that stops one direction of a connection at the bytes a test names, until it is told to go on. */
export class FaultProxy implements AsyncDisposable {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #awaited: { readonly bytes: Buffer; readonly held: () => void } | null = null
  #holding: { readonly from: Socket; readonly to: Socket; readonly bytes: Buffer } | null = null

  private constructor(target: { host: string; port: number }) {
    this.#server = createServer((client) => {
      const upstream = connect(target)
      for (const [from, to] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        this.#sockets.add(from)
        from.on('data', (bytes) => this.#pass(from, to, bytes, from === client))
        // Either end may go at any time: that is what a proxy passes on.
        from.on('error', () => to.destroy())
        from.on('close', () => {
          this.#sockets.delete(from)
          to.destroy()
        })
      }
    })
  }

  static async start(target: { host: string; port: number }): Promise<FaultProxy> {
    const proxy = new FaultProxy(target)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Holds back the first piece that a client sends and that has `bytes` in it, and what follows. @returns when it has come */
  holdAt(bytes: Buffer): Promise<void> {
    return new Promise((resolve) => {
      this.#awaited = { bytes, held: resolve }
    })
  }

  /** Lets go what was held. @returns when the other end has answered something */
  async release(): Promise<void> {
    if (this.#holding === null) throw new Error('nothing is held')
    const { from, to, bytes } = this.#holding
    this.#holding = null
    const answered = once(to, 'data')
    to.write(bytes)
    from.resume()
    await answered
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #pass(from: Socket, to: Socket, bytes: Buffer, isFromClient: boolean): void {
    if (isFromClient && this.#awaited !== null && bytes.includes(this.#awaited.bytes)) {
      const { held } = this.#awaited
      this.#awaited = null
      this.#holding = { from, to, bytes }
      from.pause()
      held()
    } else if (!to.write(bytes)) {
      from.pause()
      to.once('drain', () => from.resume())
    }
  }
}
