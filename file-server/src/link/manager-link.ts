import { randomBytes } from 'node:crypto'
import { StoreError, toStoreError } from '@holdfast/shared/errors/store-error'
import type { ClusterId, CopyId } from '@holdfast/shared/ids'
import { makeProof, type Transcript } from '@holdfast/shared/node/handshake-proof'
import type { Logger } from '@holdfast/shared/node/logger'
import { retryDelayMs } from '@holdfast/shared/retry-delay'
import { answerCommands } from '@holdfast/shared/wire/answer-commands'
import { type FileServerCommands, fileServerCommands, managerCommands } from '@holdfast/shared/wire/commands'
import { FrameBudget } from '@holdfast/shared/wire/frame-budget'
import { Peer } from '@holdfast/shared/wire/peer'
import { FILE_SERVER_NAMESPACE, HANDSHAKE_TIMEOUT_MS, PROTOCOL_VERSION } from '@holdfast/shared/wire/protocol'
import type { Challenge, Heartbeat, Hello, Welcome } from '@holdfast/shared/wire/shapes'
import type { Socket } from 'socket.io-client'
import { io } from 'socket.io-client'
import type { PartTags } from '../http/verified-parts.ts'
import { judgeChallenge } from './answer-challenge.ts'
import { type CommandDeps, commandHandlers } from './command-handlers.ts'
import { startHeartbeats } from './heartbeat-pace.ts'
import { OnceLog } from './once-log.ts'
import { OutgoingStreams } from './outgoing-stream.ts'
import { UnmaskedWebSocket } from './unmasked-web-socket.ts'

const RECONNECT = { baseMs: 200, maxMs: 5_000 }
/** The welcome may take this long after dialling, because the manager counts this file-server's files meanwhile. */
const WELCOME_TIMEOUT_MS = 30_000
/** What is logged of a command that may not have been parsed is cut here. */
const MAX_ID_LENGTH = 100

export interface LinkDeps extends Omit<CommandDeps, 'streams' | 'owner'> {
  readonly secret: string
  readonly bootId: string
  readonly name: string
  readonly zone: string
  /** Others reach this file-server's chunk port here. */
  readonly chunkUrl: string
  readonly log: Logger
  /** Is called with the addresses of all managers whenever one tells them. */
  readonly onManagers: (urls: readonly string[]) => void
  /** One manager may have several addresses, so another link may lead to it already. */
  readonly isConnectedTo: (managerId: string) => boolean
}

interface Session {
  readonly nonce: string
  transcript: (Transcript & { readonly clusterId: ClusterId }) | null
  isWelcome: boolean
}

/**
 * Keeps the connection to one manager: it dials until closed, proves both sides, answers the manager's commands and
 * sends heartbeats.
 */
export class ManagerLink {
  readonly url: string
  readonly #deps: LinkDeps
  readonly #log: Logger
  readonly #problems: OnceLog
  readonly #socket: Socket
  readonly #peer: Peer<FileServerCommands>
  readonly #streams: OutgoingStreams
  #heardAt = 0
  #attempt = 0
  #redialTimer: NodeJS.Timeout | undefined
  #welcomeTimer: NodeJS.Timeout | undefined
  #heartbeatTimer: NodeJS.Timeout | undefined
  #session: Session | null = null
  /** Another link led to this manager when it was found behind this address. */
  #duplicateOf: string | null = null

  constructor(url: string, deps: LinkDeps) {
    this.url = url
    this.#deps = deps
    this.#log = deps.log.child({ manager: url })
    this.#problems = new OnceLog(this.#log)
    this.#socket = io(url + FILE_SERVER_NAMESPACE, {
      transports: [UnmaskedWebSocket],
      perMessageDeflate: false as never, // the typed option is an object, but engine.io-client and ws understand `false`
      forceNew: true,
      reconnection: false,
      timeout: HANDSHAKE_TIMEOUT_MS,
      autoConnect: false,
      auth: (give) => give({ ...this.#hello() }),
    })
    const socket = this.#socket
    this.#peer = new Peer(socket, fileServerCommands)
    this.#streams = new OutgoingStreams(this.#peer, new FrameBudget(), this.#log)

    socket.on('connect_error', (error) => {
      this.#problems.say('warn', { reason: error.message }, 'manager not reached')
      this.#dialAgain(error.message)
    })
    socket.on('disconnect', (reason) => {
      const wasWelcome = this.isWelcome
      this.#endSession()
      if (wasWelcome) this.#log.warn({ reason }, 'manager disconnected')
      this.#dialAgain(reason)
    })
    answerCommands(socket, managerCommands, {
      handlers: {
        challenge: async (challenge) => this.#prove(challenge),
        welcome: (welcome) => this.#settle(welcome),
        ...commandHandlers({ ...deps, streams: this.#streams, owner: this }),
      },
      admit: (command) => {
        if (!this.isWelcome && command !== 'challenge' && command !== 'welcome')
          throw new StoreError('NOT_AUTHENTICATED')
      },
      onRefused: (command, error, argument) => this.#noteRefusal(command, error, argument),
    })
    this.#dial()
  }

  get isWelcome(): boolean {
    return this.#session?.isWelcome === true
  }

  /** The manager answered then, by a monotonic clock; 0 where it last did not. */
  get heardAt(): number {
    return this.#heardAt
  }

  /** It is null until the manager has bidden this file-server welcome. */
  get managerId(): string | null {
    return this.#session?.isWelcome === true ? (this.#session.transcript?.managerId ?? null) : null
  }

  /** Asks the manager for the tags of a copy's parts. @returns null where the copy has none */
  async tagsOf(copyId: CopyId): Promise<PartTags | null> {
    const asked = this.#peer.call('part-tags', { copyId })
    asked.catch(() => {
      this.#heardAt = 0
    })
    const { partKey, bytes } = await asked
    this.#heardAt = performance.now()
    return partKey === null ? null : { key: partKey, tags: bytes }
  }

  close(): void {
    clearTimeout(this.#redialTimer)
    this.#redialTimer = undefined
    this.#endSession()
    this.#socket.removeAllListeners('disconnect')
    this.#socket.removeAllListeners('connect_error')
    this.#socket.disconnect()
  }

  #hello(): Hello {
    const { store, bootId, name, zone, allowsLocalReads, chunkUrl } = this.#deps
    const { serverId, clusterId } = store
    const nonce = randomBytes(16).toString('hex')
    this.#session = { nonce, transcript: null, isWelcome: false }
    return { protocol: PROTOCOL_VERSION, serverId, bootId, nonce, clusterId, name, zone, allowsLocalReads, chunkUrl }
  }

  #prove(challenge: Challenge): { proof: string; heartbeat: Heartbeat } {
    const { store, secret, bootId } = this.#deps
    const { serverId, clusterId } = store
    const session = this.#session
    if (session === null || session.transcript !== null) throw new StoreError('INVALID_REQUEST', 'unexpected challenge')
    try {
      const transcript = judgeChallenge(challenge, { serverId, clusterId, bootId, secret, nonce: session.nonce })
      this.#refuseDuplicate(transcript.managerId)
      session.transcript = transcript
      return { proof: makeProof(secret, 'file-server', transcript), heartbeat: store.status() }
    } catch (thrown) {
      const error = toStoreError(thrown)
      // The file-server dials on, so only the log tells a person that something may have to be put right.
      if (this.#duplicateOf === null)
        this.#problems.say('error', { error: error.name, detail: error.detail }, 'manager refused')
      throw error
    }
  }

  async #settle({ managers, isReferral }: Welcome): Promise<Record<string, never>> {
    const { store, onManagers } = this.#deps
    const session = this.#session
    if (session === null || session.transcript === null) throw new StoreError('NOT_AUTHENTICATED')
    if (isReferral) {
      // It is dialled again only once that manager is not connected by its own address, because others may have come by
      // then.
      this.#duplicateOf = session.transcript.managerId
      onManagers(managers)
      return {}
    }
    if (!session.isWelcome) {
      this.#refuseDuplicate(session.transcript.managerId)
      await store.joinCluster(session.transcript.clusterId)
      if (this.#session !== session) throw new StoreError('LINK_LOST')
    }
    if (!session.isWelcome) {
      session.isWelcome = true
      this.#attempt = 0
      this.#problems.forget()
      clearTimeout(this.#welcomeTimer)
      // Heartbeats are not volatile, because those are dropped while streams keep the socket busy. A dead link ends
      // before many queue up.
      this.#heartbeatTimer = startHeartbeats(store, (heartbeat) => {
        this.#peer.call('heartbeat', heartbeat).then(
          () => {
            this.#heardAt = performance.now()
          },
          (error) => this.#log.debug({ err: error }, 'heartbeat not heard'),
        )
      })
      this.#log.info('manager connected')
    }
    onManagers(managers)
    return {}
  }

  /** A failure is logged with the id of the request that it befell, by which it is found in the manager's log too. */
  #noteRefusal(command: unknown, error: unknown, argument: unknown): void {
    const { name, detail } = toStoreError(error)
    const request = this.#requestIdOf((argument ?? {}) as Record<string, unknown>)
    if (name === 'INTERNAL') this.#log.error({ ...request, command, err: error }, 'command failed')
    else this.#log.debug({ ...request, command, error: name, detail }, 'command refused')
  }

  /** The commands that follow an `open-upload` name its copy, and not the request. @param argument as it came */
  #requestIdOf({ requestId, copyId }: Record<string, unknown>): { readonly requestId?: string } {
    const id = requestId ?? this.#deps.uploads.requestIdOf(copyId as CopyId)
    return typeof id === 'string' ? { requestId: id.slice(0, MAX_ID_LENGTH) } : {}
  }

  /** Two links to one manager would drive each other out for ever. */
  #refuseDuplicate(managerId: string): void {
    if (!this.#deps.isConnectedTo(managerId)) return
    this.#duplicateOf = managerId
    throw new StoreError('FORBIDDEN', 'this file-server is connected to that manager by another address')
  }

  #dial(): void {
    clearTimeout(this.#welcomeTimer)
    this.#welcomeTimer = setTimeout(() => {
      this.#problems.say('warn', { reason: 'no welcome in time' }, 'manager not reached')
      this.#socket.disconnect()
      this.#dialAgain('no welcome in time')
    }, WELCOME_TIMEOUT_MS)
    this.#socket.disconnect().connect()
  }

  #dialAgain(reason: string): void {
    clearTimeout(this.#welcomeTimer)
    if (this.#redialTimer !== undefined) return
    this.#log.debug({ reason }, 'dialling again')
    this.#redialTimer = setTimeout(
      () => {
        this.#redialTimer = undefined
        if (this.#duplicateOf !== null && this.#deps.isConnectedTo(this.#duplicateOf)) {
          this.#dialAgain('connected by another address')
          return
        }
        this.#duplicateOf = null
        this.#dial()
      },
      retryDelayMs(this.#attempt++, Math.random(), RECONNECT),
    )
  }

  #endSession(): void {
    clearTimeout(this.#welcomeTimer)
    clearInterval(this.#heartbeatTimer)
    this.#session = null
    this.#deps.uploads.dropStreamsOf(this)
  }
}
