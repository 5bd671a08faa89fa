import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { toStoreError } from '@holdfast/shared/errors/store-error'
import { type Address, parseAddress } from '@holdfast/shared/node/address'
import type { Logger } from '@holdfast/shared/node/logger'
import { RateLimit } from '../rate-limit.ts'
import { SeedConnection, type SeedConnectionDeps } from './seed-connection.ts'
import { UploadSlots } from './upload-slots.ts'

/** A port that another process has is tried again, for that process may be a sibling which ends. */
const TRY_AGAIN_MS = 1_000
/** A peer that sends more messages than it may is read from again after this. */
const PACE_MS = 100

export interface SeedBounds {
  readonly connections: number
  /** This many of them may come from one network. */
  readonly ofNetwork: number
  /** This many peers load at once. */
  readonly uploads: number
}

const BOUNDS: SeedBounds = { connections: 200, ofNetwork: 32, uploads: 64 }
/** These bound how often one network may connect, and send messages, each of which asks for some 16 KiB. */
const CONNECTS = { perSecond: 10, burst: 100 }
const MESSAGES = { perSecond: 10_000, burst: 20_000 }

export interface SeedAddress {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** Tells whether other workers are to have the same port, of whom one gets it. */
  readonly isShared: boolean
}

export interface SeedPortDeps extends Pick<SeedConnectionDeps, 'peerId' | 'find' | 'parts' | 'timing'> {
  readonly log: Logger
  readonly bounds?: SeedBounds
}

/** Takes connections of BitTorrent peers (BEP 3), who load stored files from here. It dials nobody. */
export class SeedPort {
  readonly #address: SeedAddress
  readonly #deps: SeedPortDeps
  readonly #bounds: SeedBounds
  readonly #slots: UploadSlots
  readonly #connects = new RateLimit(CONNECTS)
  readonly #messages = new RateLimit(MESSAGES)
  readonly #sockets = new Set<Socket>()
  readonly #ofNetwork = new Map<string, number>()
  #server: Server
  #port: number | null = null
  #timer: NodeJS.Timeout | undefined
  #isClosed = false
  #isTold = false

  constructor(address: SeedAddress, deps: SeedPortDeps) {
    this.#address = address
    this.#deps = deps
    this.#bounds = deps.bounds ?? BOUNDS
    this.#slots = new UploadSlots(this.#bounds.uploads)
    this.#server = this.#open()
  }

  /** Peers reach this process there, or another worker of this manager; it is null where nobody has the port. */
  get port(): number | null {
    return this.#port
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#port = null
    clearTimeout(this.#timer)
    for (const socket of this.#sockets) socket.destroy()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  #open(): Server {
    const { host, port } = this.#address
    const server = createServer({ noDelay: true }, (socket) => this.#take(socket))
    server.on('error', (error: NodeJS.ErrnoException) => {
      // One that listens has failed to take a connection, and takes others.
      if (server.listening) this.#deps.log.warn({ reason: error.message }, 'a connection to the seed was lost')
      else this.#tryAgain(error)
    })
    server.listen(port, host, () => {
      if (this.#isClosed) {
        server.close()
        return
      }
      this.#port = (server.address() as AddressInfo).port
      this.#isTold = false
      this.#deps.log.info({ seed: `${host}:${this.#port}` }, 'seed listens')
    })
    return server
  }

  #tryAgain(error: NodeJS.ErrnoException): void {
    if (this.#isClosed) return
    const { port, isShared } = this.#address
    const isTaken = error.code === 'EADDRINUSE'
    // Of several workers the one that came first has it.
    this.#port = isTaken && isShared ? port : null
    const fields = { port, reason: error.message }
    if (!this.#isTold && this.#port !== null) this.#deps.log.info(fields, 'another process has the port of the seed')
    else if (!this.#isTold) this.#deps.log.warn(fields, 'stored files are not seeded, for SEED_PORT cannot be had')
    this.#isTold = true
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#server = this.#open()
    }, TRY_AGAIN_MS)
  }

  #take(socket: Socket): void {
    // Whoever reads from it meets the error there.
    socket.on('error', () => undefined)
    const address = parseAddress(socket.remoteAddress ?? '')
    if (address === null || !this.#admits(address)) {
      socket.destroy()
      return
    }
    const { network } = address
    this.#sockets.add(socket)
    this.#ofNetwork.set(network, (this.#ofNetwork.get(network) ?? 0) + 1)
    socket.once('close', () => {
      this.#sockets.delete(socket)
      const others = (this.#ofNetwork.get(network) ?? 1) - 1
      if (others === 0) this.#ofNetwork.delete(network)
      else this.#ofNetwork.set(network, others)
    })
    void this.#serve(socket, address)
  }

  #admits({ network, scope }: Address): boolean {
    const { connections, ofNetwork } = this.#bounds
    if (this.#sockets.size >= connections || (this.#ofNetwork.get(network) ?? 0) >= ofNetwork) return false
    return scope === 'loopback' || this.#connects.admits(network)
  }

  async #serve(socket: Socket, { ip, network }: Address): Promise<void> {
    const pace = async (signal: AbortSignal): Promise<void> => {
      while (!this.#messages.admits(network)) await delay(PACE_MS, undefined, { signal })
    }
    try {
      await new SeedConnection(socket, { ...this.#deps, slots: this.#slots, pace }).run()
    } catch (thrown) {
      this.#deps.log.debug({ ip, err: toStoreError(thrown) }, 'peer let go')
    }
  }
}
