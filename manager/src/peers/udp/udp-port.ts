import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { lookup } from 'node:dns'
import { isIP } from 'node:net'
import type { Logger } from '@holdfast/shared/node/logger'

/** A port that another process has is tried again, for that process may be a sibling which ends. */
const TRY_AGAIN_MS = 1_000
/** What waits to be sent is dropped beyond this, as a network would. */
const MAX_QUEUED_BYTES = 4 * 1024 ** 2

export interface UdpAddress {
  readonly host: string
  readonly port: number
}

export type DatagramListener = (datagram: Buffer, source: RemoteInfo) => void

/**
 * Has the UDP port beside the HTTP port, as soon as nobody else has it: of several workers behind one port one has it, and
 * when that one ends another takes it.
 */
export class UdpPort {
  readonly #address: UdpAddress
  readonly #listener: DatagramListener
  readonly #log: Logger
  #socket: Socket | null = null
  #timer: NodeJS.Timeout | undefined
  #isClosed = false
  #isTold = false

  constructor(address: UdpAddress, listener: DatagramListener, log: Logger) {
    this.#address = address
    this.#listener = listener
    this.#log = log
    this.#open()
  }

  get isOpen(): boolean {
    return this.#socket !== null
  }

  /** Sends a datagram, or drops it: nobody waits for one. */
  send(datagram: Buffer, port: number, ip: string): void {
    const socket = this.#socket
    if (socket === null || socket.getSendQueueSize() > MAX_QUEUED_BYTES) return
    // An IPv6 socket reaches IPv4 by addresses of its own kind, and an IPv4 socket reaches no IPv6 at all.
    const isSix = this.#isSix
    if (!isSix && isIP(ip) === 6) return
    try {
      socket.send(datagram, port, isSix && isIP(ip) === 4 ? `::ffff:${ip}` : ip, ignoreUnsent)
    } catch (error) {
      this.#log.debug({ err: error }, 'datagram not sent')
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    const socket = this.#socket
    this.#socket = null
    if (socket !== null) await new Promise<void>((resolve) => socket.close(resolve))
  }

  get #isSix(): boolean {
    return isIP(this.#address.host) === 6
  }

  #open(): void {
    const { host, port } = this.#address
    const socket = createSocket({ type: this.#isSix ? 'udp6' : 'udp4', lookup: lookUpNames })
    socket.on('error', (error: NodeJS.ErrnoException) => this.#tryAgain(socket, error))
    socket.on('message', this.#listener)
    socket.bind({ address: host, port, exclusive: true }, () => {
      if (this.#isClosed) {
        socket.close()
        return
      }
      this.#socket = socket
      this.#isTold = false
      this.#log.info({ udp: `${host}:${port}` }, 'tracker listens')
    })
  }

  #tryAgain(socket: Socket, error: NodeJS.ErrnoException): void {
    if (this.#socket === socket) this.#socket = null
    socket.removeAllListeners('message')
    try {
      socket.close()
    } catch {
      // It was closed by the error.
    }
    if (this.#isClosed) return
    if (!this.#isTold)
      this.#log.info({ reason: error.message }, 'another process has the UDP port, or it cannot be had')
    this.#isTold = true
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#open(), TRY_AGAIN_MS)
  }
}

/** An address needs no look-up, and Node's own would put off every datagram for it. */
const lookUpNames: typeof lookup = ((
  host: string,
  family: number,
  done: (error: Error | null, address: string, family: number) => void,
) => {
  if (isIP(host) === 0) lookup(host, family, done)
  else done(null, host, family)
}) as typeof lookup

/** An address that cannot be reached shows in answers that do not come. */
function ignoreUnsent(): void {}
