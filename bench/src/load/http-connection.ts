import { connect, type Socket } from 'node:net'
import { ResponseReader, type WantedAnswer } from './response-reader.ts'

const IDLE_LIMIT_MS = 60_000
const READ_BYTES = 64 * 1024

interface Waiting {
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/**
 * Keeps a connection alive, with one request under way. It uses a bare socket, prepared bytes and one buffer for all reads,
 * for node:http's client costs as much CPU as the server that is measured.
 */
export class HttpConnection {
  readonly #socket: Socket
  readonly #reader = new ResponseReader()
  #waiting: Waiting | null = null
  #onRoom: (() => void) | null = null
  #error: Error | null = null

  /** @param localAddress is where the connection comes from; any address of this machine unless given */
  constructor(url: URL, localAddress?: string) {
    this.#socket = connect({
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: Number(url.port || '80'),
      noDelay: true,
      ...(localAddress !== undefined && { localAddress }),
      onread: { buffer: Buffer.allocUnsafe(READ_BYTES), callback: (count, buffer) => this.#take(count, buffer) },
    })
    this.#socket.setTimeout(IDLE_LIMIT_MS, () => this.#fail(new Error(`no answer within ${IDLE_LIMIT_MS / 1000} s`)))
    this.#socket.on('error', (error) => this.#fail(error))
    this.#socket.on('close', () => this.#fail(new Error('the server closed the connection')))
    this.#socket.on('drain', () => this.#onRoom?.())
  }

  /** @throws where the answer is not the wanted one */
  async exchange(request: Buffer | Iterable<Buffer>, wanted: WantedAnswer): Promise<void> {
    if (this.#error !== null) throw this.#error
    const answered = new Promise<void>((resolve, reject) => {
      this.#waiting = { resolve, reject }
    })
    this.#reader.expect(wanted)
    if (Buffer.isBuffer(request)) this.#socket.write(request)
    else await Promise.race([answered, this.#writeAll(request)])
    await answered
  }

  close(): void {
    this.#waiting = null
    this.#socket.destroy()
  }

  async #writeAll(pieces: Iterable<Buffer>): Promise<void> {
    for (const piece of pieces) {
      if (this.#error !== null) return
      if (this.#socket.write(piece)) continue
      await new Promise<void>((resolve) => {
        this.#onRoom = resolve
      })
    }
  }

  /** @returns true, which tells the socket to go on reading */
  #take(count: number, buffer: Uint8Array): boolean {
    try {
      if (!this.#reader.push(buffer.subarray(0, count) as Buffer)) return true
      const waiting = this.#waiting
      this.#waiting = null
      waiting?.resolve()
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)))
    }
    return true
  }

  #fail(error: Error): void {
    this.#error ??= error
    const waiting = this.#waiting
    this.#waiting = null
    waiting?.reject(this.#error)
    this.#onRoom?.()
    this.#socket.destroy()
  }
}
