import { randomBytes } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { FRAME_BYTES } from '@holdfast/shared/limits'
import { DATA_KEY_BYTES, encodeDataHeader } from '@holdfast/shared/wire/data-frame'
import { afterEach } from 'vitest'

/** What is said to whoever has given the key, in place of the answer. null: nothing. */
export type DataPortScript = (answer: Buffer) => Buffer | null

export const newStreamId = (): string => randomBytes(8).toString('hex')

const nextSeqs = new Map<string, number>()

/** The next frame of a stream, or the one of that number. */
export function frameOf(streamId: string, bytes: Buffer, isLast: boolean, seq = nextSeqs.get(streamId) ?? 0): Buffer {
  nextSeqs.set(streamId, seq + 1)
  return Buffer.concat([encodeDataHeader({ streamId, seq, length: bytes.length, isLast }), bytes])
}

/** The bytes as a file-server sends them. */
export function framesOf(streamId: string, bytes: Buffer): Buffer {
  const frames: Buffer[] = []
  for (let at = 0; at < bytes.length; at += FRAME_BYTES)
    frames.push(frameOf(streamId, bytes.subarray(at, at + FRAME_BYTES), at + FRAME_BYTES >= bytes.length))
  return Buffer.concat(frames)
}

/** A file-server's data port, with one key that is always good: it does what a test says. */
export class ScriptedDataPort {
  readonly port: number
  /** Who is connected, whether he has given the key or not. */
  readonly open = new Set<Socket>()
  dialCount = 0
  readonly #key = randomBytes(DATA_KEY_BYTES)
  readonly #answer = randomBytes(DATA_KEY_BYTES)
  readonly #server: Server
  readonly #met = new EventEmitter()
  readonly #script: DataPortScript
  #latest: Socket | null = null

  private constructor(server: Server, script: DataPortScript) {
    this.#server = server
    this.#script = script
    this.port = (server.address() as AddressInfo).port
    server.on('connection', (socket) => this.#admit(socket))
  }

  static async open(script: DataPortScript = (answer) => answer): Promise<ScriptedDataPort> {
    const server = createServer({ noDelay: true })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new ScriptedDataPort(server, script)
  }

  /** The ack of `open-data-port`. */
  ack(fields: Record<string, unknown> = {}): Record<string, unknown> {
    const key = this.#key.toString('hex')
    return { ok: true, host: '127.0.0.1', port: this.port, key, answer: this.#answer.toString('hex'), ...fields }
  }

  get answer(): Buffer {
    return this.#answer
  }

  /** The next connection that gives the key. To be asked for before it is dialled. */
  async next(): Promise<Socket> {
    const [socket] = (await once(this.#met, 'met')) as [Socket]
    return socket
  }

  /** Sends on the connection that gave the key last, in pieces that end at `cuts`. */
  async send(bytes: Buffer, cuts: readonly number[] = []): Promise<void> {
    const socket = this.#latest
    if (socket === null) throw new Error('nobody has dialled')
    let from = 0
    for (const to of [...cuts, bytes.length]) {
      socket.write(bytes.subarray(from, to))
      from = to
      // A turn of the loop, in which the other end reads what is there.
      await turn()
    }
  }

  /** Ends the connection that gave the key last, when what was sent has left. */
  hangUp(): void {
    this.#latest?.end()
  }

  async close(): Promise<void> {
    for (const socket of this.open) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #admit(socket: Socket): void {
    this.dialCount++
    this.open.add(socket)
    socket.on('error', () => undefined) // every error is followed by a close
    socket.once('close', () => this.open.delete(socket))
    let said = Buffer.alloc(0)
    socket.on('data', (chunk: Buffer) => {
      said = Buffer.concat([said, chunk])
      if (said.length < DATA_KEY_BYTES) return
      if (!said.equals(this.#key)) return void socket.destroy()
      const words = this.#script(this.#answer)
      if (words !== null) socket.write(words)
      this.#latest = socket
      this.#met.emit('met', socket)
    })
  }
}

/** What a test opens is closed after it. */
export function useDataPorts(): (script?: DataPortScript) => Promise<ScriptedDataPort> {
  const open: ScriptedDataPort[] = []
  afterEach(async () => {
    await Promise.all(open.splice(0).map((port) => port.close()))
  })
  return async (script) => {
    const port = await ScriptedDataPort.open(script)
    open.push(port)
    return port
  }
}
