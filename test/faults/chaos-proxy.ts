import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { type Direction, ProxyLane, type Rewrite } from './chaos-proxy-lane.ts'

interface Pair {
  readonly client: Socket
  readonly target: Socket
  readonly lanes: Readonly<Record<Direction, ProxyLane>>
}

/**
 * Acts as a bad network between whoever dials it and one target. It can be slow, late, deaf in one direction or both,
 * cut, and repetitive.
 */
export class ChaosProxy implements AsyncDisposable {
  readonly port: number
  bytesPerSecond = Number.POSITIVE_INFINITY
  /** Delays each way by so much, at the same throughput. */
  delayMs = 0
  readonly #server: Server
  readonly #pairs = new Set<Pair>()
  readonly #deaf = new Map<Direction, { readonly until: Promise<void>; readonly end: () => void }>()
  readonly #rewrites = new Map<Direction, Rewrite>()
  /** Everything is cut after so many more bytes. */
  #fuse: { readonly direction: Direction; leftBytes: number; readonly cut: () => void } | null = null
  #awaited: { readonly bytes: Buffer; readonly thenHold: Direction; readonly come: () => void } | null = null
  #holding: { readonly pair: Pair; readonly lane: ProxyLane } | null = null
  #isClosing = false

  private constructor(server: Server, target: { host: string; port: number }) {
    this.#server = server
    this.port = (server.address() as AddressInfo).port
    server.on('connection', (client) => this.#join(client, connect(target)))
  }

  static async start(target: string | { host: string; port: number }): Promise<ChaosProxy> {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    if (typeof target !== 'string') return new ChaosProxy(server, target)
    const { hostname, port } = new URL(target)
    return new ChaosProxy(server, { host: hostname, port: Number(port) })
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  get connectionCount(): number {
    return this.#pairs.size
  }

  /**
   * Lets nothing more arrive that way, and tells nobody: the link is half-open with both directions, one-way with one.
   */
  hold(...directions: Direction[]): void {
    for (const direction of directions) {
      if (this.#deaf.has(direction)) continue
      let end = (): void => undefined
      const until = new Promise<void>((resolve) => {
        end = resolve
      })
      this.#deaf.set(direction, { until, end })
    }
  }

  /** Lets arrive what was held. */
  release(): void {
    for (const { end } of this.#deaf.values()) end()
    this.#deaf.clear()
  }

  /** Ends all connections and drops what was held. New connections pass. */
  cut(): void {
    for (const { client, target, lanes } of this.#pairs) {
      client.destroy()
      target.destroy()
      for (const lane of Object.values(lanes)) lane.release()
    }
    this.release()
  }

  /** Ends all connections after exactly this many more bytes of one direction. @returns when it has */
  cutAfter(direction: Direction, bytes: number): Promise<void> {
    return new Promise((resolve) => {
      this.#fuse = { direction, leftBytes: bytes, cut: resolve }
    })
  }

  /**
   * Waits for a piece from a client that has `bytes` in it, and holds it back with all that follows on its connection.
   */
  holdAt(bytes: Buffer): Promise<void> {
    return this.#await(bytes, 'toTarget')
  }

  /**
   * Waits for a piece from a client that has `bytes` in it. The piece passes, but nothing comes back on its connection.
   */
  holdAnswerTo(bytes: Buffer): Promise<void> {
    return this.#await(bytes, 'toClient')
  }

  /** Lets pass what `holdAt` has held. @returns when the target has answered something on that connection */
  async releaseAndAnswer(): Promise<void> {
    if (this.#holding === null) throw new Error('nothing is held')
    const { pair, lane } = this.#holding
    this.#holding = null
    const answered = once(pair.target, 'data', { signal: AbortSignal.timeout(10_000) })
    lane.release()
    await answered
  }

  /** Replaces what comes on connections made from this moment on. `WireMessages` helps with it. */
  rewrite(direction: Direction, rewrite: Rewrite): void {
    this.#rewrites.set(direction, rewrite)
  }

  /** Sends bytes on every connection, as if the other end had. */
  inject(direction: Direction, bytes: Buffer): void {
    for (const { lanes } of this.#pairs) lanes[direction].send(bytes)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosing = true
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.cut()
    await closed
  }

  #await(bytes: Buffer, thenHold: Direction): Promise<void> {
    return new Promise((resolve) => {
      this.#awaited = { bytes, thenHold, come: resolve }
    })
  }

  #join(client: Socket, target: Socket): void {
    const lane = (direction: Direction, from: Socket, to: Socket): ProxyLane =>
      new ProxyLane(from, to, {
        road: this,
        rewrite: this.#rewrites.get(direction)?.(),
        onRead: (bytes) => {
          if (direction === 'toTarget') this.#notice(pair, bytes)
        },
        held: () => this.#deaf.get(direction)?.until,
        allow: (length) => this.#allow(direction, length),
      })
    const lanes = { toTarget: lane('toTarget', client, target), toClient: lane('toClient', target, client) }
    const pair: Pair = { client, target, lanes }
    this.#pairs.add(pair)
    // Either end may go at any moment here, and the other one goes with it.
    const end = (): void => {
      this.#pairs.delete(pair)
      client.destroy()
      target.destroy()
    }
    for (const socket of [client, target]) {
      socket.on('error', end)
      socket.on('close', end)
    }
    for (const { ended } of Object.values(lanes)) ended.then(end, end)
    if (this.#isClosing) end()
  }

  #notice(pair: Pair, bytes: Buffer): void {
    if (this.#awaited === null || !bytes.includes(this.#awaited.bytes)) return
    const { thenHold, come } = this.#awaited
    this.#awaited = null
    this.#holding = { pair, lane: pair.lanes[thenHold] }
    this.#holding.lane.hold()
    come()
  }

  /** @returns how many of these bytes may pass before the cut */
  #allow(direction: Direction, length: number): number {
    const fuse = this.#fuse
    if (fuse === null || fuse.direction !== direction) return length
    const allowed = Math.min(length, fuse.leftBytes)
    fuse.leftBytes -= allowed
    if (fuse.leftBytes > 0) return allowed
    this.#fuse = null
    // The cut waits until the last byte is on its way.
    setImmediate(() => {
      this.cut()
      fuse.cut()
    })
    return allowed
  }
}
