import { randomBytes } from 'node:crypto'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { StoreError } from '@holdfast/shared/errors/store-error'
import type { Logger } from '@holdfast/shared/node/logger'
import { StartError } from '@holdfast/shared/node/run-service'
import { DATA_KEY_BYTES } from '@holdfast/shared/wire/data-frame'
import type { DataPortAck } from '@holdfast/shared/wire/events'
import { DataConnection } from './data-connection.ts'

/** Connections that have not given a key yet. Further ones are closed. */
const MAX_STRANGERS = 100
/** Keys that are out, for all managers. */
const MAX_GRANTS = 256
/** From the grant of a key to its use, and from a connection to its key. */
const KEY_LIFE_MS = 5_000

interface Grant {
  readonly answer: Buffer
  readonly onOpen: (connection: DataConnection) => void
  readonly timer: NodeJS.Timeout
}

/**
 * The port that managers dial for the bytes of large downloads: read straight into memory they set aside, without the
 * copies and the garbage of frames in Socket.IO messages. Whoever connects needs a key that was told on a link that is proved.
 */
export class DataPort {
  readonly port: number
  /** The address that it listens on. */
  readonly host: string
  readonly #server: Server
  readonly #grants = new Map<string, Grant>()
  readonly #sockets = new Set<Socket>()
  #strangerCount = 0

  private constructor(server: Server, { address, port }: AddressInfo, log: Logger) {
    this.#server = server
    this.port = port
    this.host = address
    server.on('error', (error) => log.warn({ err: error }, 'the data port could not take a connection'))
    server.on('connection', (socket) => this.#admit(socket))
  }

  /** @throws StartError where it cannot listen there. */
  static async open(host: string, port: number, log: Logger): Promise<DataPort> {
    const server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: 10_000 })
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) =>
        reject(new StartError(`The data port cannot listen on DATA_HOST ${host}, DATA_PORT ${port}: ${error.code}.`)),
      )
      server.listen({ host, port, exclusive: true }, () => {
        server.removeAllListeners('error')
        resolve()
      })
    })
    const address = server.address()
    if (address === null || typeof address === 'string') throw new StartError('The data port has no number.')
    return new DataPort(server, address, log)
  }

  /** A key for one connection, to be used at once. @throws OVERLOADED */
  grant(onOpen: (connection: DataConnection) => void): DataPortAck {
    if (this.#grants.size >= MAX_GRANTS) throw new StoreError('OVERLOADED', 'too many keys of the data port are out')
    const key = randomBytes(DATA_KEY_BYTES).toString('hex')
    const answer = randomBytes(DATA_KEY_BYTES)
    const timer = setTimeout(() => this.#grants.delete(key), KEY_LIFE_MS)
    this.#grants.set(key, { answer, onOpen, timer })
    return { host: this.host, port: this.port, key, answer: answer.toString('hex') }
  }

  close(): void {
    this.#server.close()
    for (const { timer } of this.#grants.values()) clearTimeout(timer)
    for (const socket of this.#sockets) socket.destroy()
  }

  #admit(socket: Socket): void {
    socket.on('error', () => undefined) // every error is followed by a close
    if (this.#strangerCount >= MAX_STRANGERS) return void socket.destroy()
    this.#strangerCount++
    this.#sockets.add(socket)
    let isStranger = true
    let said = Buffer.alloc(0)
    const meet = (): void => {
      if (isStranger) this.#strangerCount--
      isStranger = false
      clearTimeout(timer)
    }
    const timer = setTimeout(() => socket.destroy(), KEY_LIFE_MS)
    const listen = (chunk: Buffer): void => {
      said = Buffer.concat([said, chunk])
      if (said.length < DATA_KEY_BYTES) return
      socket.off('data', listen)
      meet()
      const key = said.toString('hex')
      const grant = this.#grants.get(key)
      if (grant === undefined) return void socket.destroy()
      this.#grants.delete(key)
      clearTimeout(grant.timer)
      socket.write(grant.answer)
      grant.onOpen(new DataConnection(socket))
    }
    socket.on('data', listen)
    socket.once('close', () => {
      meet()
      this.#sockets.delete(socket)
    })
  }
}
