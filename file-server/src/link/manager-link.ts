import { randomBytes } from 'node:crypto'
import { StoreError, toStoreError, toWireError } from '@holdfast/shared/errors/store-error'
import { isProof, makeProof, type Transcript } from '@holdfast/shared/node/handshake-proof'
import type { Logger } from '@holdfast/shared/node/logger'
import { retryDelayMs } from '@holdfast/shared/retry-delay'
import { parseWire, wireSchemas } from '@holdfast/shared/wire/command-schemas'
import type { Challenge, Hello } from '@holdfast/shared/wire/events'
import { FrameBudget } from '@holdfast/shared/wire/frame-budget'
import { Peer } from '@holdfast/shared/wire/peer'
import {
  FILE_SERVER_NAMESPACE,
  HANDSHAKE_TIMEOUT_MS,
  HEARTBEAT_INTERVAL_MS,
  PROTOCOL_VERSION,
} from '@holdfast/shared/wire/protocol'
import { io, type Socket } from 'socket.io-client'
import type { Store } from '../store/store.ts'
import { commandHandlers } from './command-handlers.ts'
import { OutgoingStreams } from './outgoing-stream.ts'
import type { SuspectClock } from './suspect-clock.ts'
import type { Uploads } from './uploads.ts'

const RECONNECT = { baseMs: 200, maxMs: 5_000 }

export interface LinkParts {
  readonly store: Store
  readonly uploads: Uploads
  readonly suspects: SuspectClock
  readonly secret: string
  readonly bootId: string
  readonly name: string
  readonly log: Logger
  /** Called with the addresses of all managers whenever one tells. */
  readonly onManagers: (urls: readonly string[]) => void
}

/** The connection to one manager: dials until closed, proves both sides, answers its commands, sends heartbeats. */
export class ManagerLink {
  readonly url: string
  readonly #parts: LinkParts
  readonly #log: Logger
  readonly #socket: Socket
  #attempt = 0
  #redialTimer: NodeJS.Timeout | undefined
  #session: { nonce: string; transcript: Transcript | null; isWelcome: boolean } | null = null
  #heartbeatTimer: NodeJS.Timeout | undefined
  #lastProblem = ''

  constructor(url: string, parts: LinkParts) {
    this.url = url
    this.#parts = parts
    this.#log = parts.log.child({ manager: url })
    this.#socket = io(url + FILE_SERVER_NAMESPACE, {
      transports: ['websocket'],
      perMessageDeflate: false as never, // the typed option is an object; `false` is what engine.io-client and ws understand
      forceNew: true,
      reconnection: false,
      timeout: HANDSHAKE_TIMEOUT_MS,
      autoConnect: false,
      auth: (give) => give({ ...this.#hello() }),
    })
    const socket = this.#socket
    const peer = new Peer(socket)
    const streams = new OutgoingStreams(peer, new FrameBudget(), this.#log)

    socket.on('connect_error', (error) => this.#dialAgain(error.message))
    socket.on('disconnect', (reason) => {
      clearInterval(this.#heartbeatTimer)
      const wasWelcome = this.#session?.isWelcome === true
      this.#session = null
      parts.uploads.dropStreamsOf(this)
      if (wasWelcome) this.#log.warn({ reason }, 'manager disconnected')
      this.#dialAgain(reason)
    })
    this.#answer('challenge', async (value) => this.#prove(parseWire(wireSchemas.challenge, value)))
    this.#answer('welcome', async (value) => this.#settle(parseWire(wireSchemas.welcome, value).managers))
    const context = { ...parts, streams, owner: this }
    for (const [command, handle] of Object.entries(commandHandlers)) {
      this.#answer(command, async (...args) => {
        if (this.#session?.isWelcome !== true) throw new StoreError('NOT_AUTHENTICATED')
        return handle(context, ...args)
      })
    }
    socket.connect()
  }

  get isWelcome(): boolean {
    return this.#session?.isWelcome === true
  }

  close(): void {
    clearTimeout(this.#redialTimer)
    this.#redialTimer = undefined
    clearInterval(this.#heartbeatTimer)
    this.#socket.removeAllListeners('disconnect')
    this.#socket.removeAllListeners('connect_error')
    this.#parts.uploads.dropStreamsOf(this)
    this.#socket.disconnect()
  }

  /** Every handler ends in an ack, also when it throws. A message without an ack is nobody's command. */
  #answer(event: string, handle: (...args: unknown[]) => Promise<object>): void {
    this.#socket.on(event, (...args: unknown[]) => {
      const ack = args.pop()
      if (typeof ack !== 'function') return
      handle(...args).then(
        (result) => ack({ ok: true, ...result }),
        (error: unknown) => {
          const known = toStoreError(error)
          if (known.name === 'INTERNAL') this.#log.error({ event, err: error }, 'command failed')
          else this.#log.debug({ event, error: known.name, detail: known.detail }, 'command refused')
          ack({ ok: false, error: toWireError(known) })
        },
      )
    })
  }

  #hello(): Hello {
    const { store, bootId, name } = this.#parts
    const nonce = randomBytes(16).toString('hex')
    this.#session = { nonce, transcript: null, isWelcome: false }
    return { protocol: PROTOCOL_VERSION, serverId: store.serverId, bootId, nonce, clusterId: store.clusterId, name }
  }

  #prove(challenge: Challenge): object {
    const { store, secret, bootId } = this.#parts
    const session = this.#session
    if (session === null || session.transcript !== null) throw new StoreError('INVALID_REQUEST', 'unexpected challenge')
    if (challenge.protocol !== PROTOCOL_VERSION) {
      throw this.#problem(
        new StoreError(
          'WRONG_PROTOCOL',
          `the manager speaks version ${challenge.protocol}, this file-server ${PROTOCOL_VERSION}`,
        ),
      )
    }
    const transcript: Transcript = {
      protocol: PROTOCOL_VERSION,
      serverId: store.serverId,
      bootId,
      serverNonce: session.nonce,
      managerId: challenge.managerId,
      managerNonce: challenge.nonce,
      clusterId: challenge.clusterId,
    }
    if (!isProof(challenge.proof, secret, 'manager', transcript)) {
      throw this.#problem(new StoreError('NOT_AUTHENTICATED', 'the manager does not know this cluster secret'))
    }
    if (store.clusterId !== null && store.clusterId !== challenge.clusterId) {
      throw this.#problem(
        new StoreError(
          'WRONG_CLUSTER',
          `this data directory belongs to cluster ${store.clusterId}, the manager's database to ${challenge.clusterId}`,
        ),
      )
    }
    session.transcript = transcript
    return { proof: makeProof(secret, 'file-server', transcript), heartbeat: store.status() }
  }

  async #settle(managers: readonly string[]): Promise<object> {
    const { store, onManagers } = this.#parts
    const session = this.#session
    if (session === null || session.transcript === null) throw new StoreError('NOT_AUTHENTICATED')
    if (!session.isWelcome) {
      await store.joinCluster(session.transcript.clusterId as never)
      session.isWelcome = true
      this.#attempt = 0
      this.#lastProblem = ''
      this.#heartbeatTimer = setInterval(() => this.#beat(), HEARTBEAT_INTERVAL_MS)
      this.#log.info('manager connected')
    }
    onManagers(managers)
    return {}
  }

  /** The next beat tells the same better: one that cannot be sent now is dropped. */
  #beat(): void {
    if (this.#socket.connected) this.#socket.volatile.emit('heartbeat', this.#parts.store.status())
  }

  #dialAgain(reason: string): void {
    if (this.#redialTimer !== undefined) return
    this.#log.debug({ reason }, 'dialling again')
    const delayMs = retryDelayMs(this.#attempt++, Math.random(), RECONNECT)
    this.#redialTimer = setTimeout(() => {
      this.#redialTimer = undefined
      this.#socket.disconnect().connect()
    }, delayMs)
  }

  /** Said once for as long as it stays the same: the file-server dials on. */
  #problem(error: StoreError): StoreError {
    if (error.detail !== this.#lastProblem)
      this.#log.error({ error: error.name, detail: error.detail }, 'manager refused')
    this.#lastProblem = error.detail ?? ''
    return error
  }
}
