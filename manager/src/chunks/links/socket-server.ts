import type { Server as HttpServer, IncomingMessage } from 'node:http'
import type { Socket as NetSocket } from 'node:net'
import { fromWireError, StoreError, toStoreError } from '@holdfast/shared/errors/store-error'
import type { CopyId, ServerId } from '@holdfast/shared/ids'
import { MAX_MESSAGE_BYTES } from '@holdfast/shared/limits'
import type { Logger } from '@holdfast/shared/node/logger'
import { NO_TAGS } from '@holdfast/shared/node/part-digest'
import { answerCommands } from '@holdfast/shared/wire/answer-commands'
import { fileServerCommands, type ManagerCommands, managerCommands } from '@holdfast/shared/wire/commands'
import { Peer } from '@holdfast/shared/wire/peer'
import {
  FILE_SERVER_NAMESPACE,
  HANDSHAKE_TIMEOUT_MS,
  PING_INTERVAL_MS,
  PING_TIMEOUT_MS,
} from '@holdfast/shared/wire/protocol'
import type { Hello } from '@holdfast/shared/wire/shapes'
import { Server, type Socket } from 'socket.io'
import type { PartTags } from '../chunk.ts'
import { LocalReads } from '../reading/local-disk.ts'
import type { FileServerRegistry } from '../registry.ts'
import { authenticate, type ManagerIdentity, parseHello } from './authenticate.ts'
import { boundConnection, type EngineConnection } from './bound-connection.ts'
import { FileServerLink } from './file-server-link.ts'

/** At most this many sockets are without a proof. Further ones are turned away until some have proved themselves. */
const MAX_STRANGERS = 100

const WIRE_PATH = '/socket.io/'

/** @returns whether the wire answers this upgrade, which it does for every one to its path, if only with a refusal */
export function isWireUpgrade({ url }: IncomingMessage): boolean {
  return url?.startsWith(WIRE_PATH) === true
}

export interface SocketServerDeps {
  readonly httpServer: HttpServer
  readonly registry: FileServerRegistry
  readonly identity: ManagerIdentity
  readonly log: Logger
  /** Gives the addresses of all managers, this one included. */
  readonly managers: () => readonly string[]
  /** Counts the copies that a file-server holds by the records. */
  readonly countCopies: (id: ServerId) => Promise<number>
  /** Is called before a file-server gets anything, and waited for. */
  readonly onJoining?: (link: FileServerLink) => Promise<void>
  /** Looks up the tags of a copy that a file-server has, in its record. @returns null where there are none */
  readonly tagsOf?: (copyId: CopyId) => Promise<PartTags | null>
  readonly onConnected: (link: FileServerLink) => void
  /** Tells whether a connection came by an address that several managers share: the file-server is then told where each of them is. */
  readonly isShared?: (connection: NetSocket) => boolean
}

/** File-servers dial this end of the wire. */
export class SocketServer {
  readonly #deps: SocketServerDeps
  readonly #io: Server
  /** Holds the connections of file-servers that have proved themselves. */
  readonly #trusted = new WeakSet<object>()
  readonly #reads = new LocalReads()
  #strangerCount = 0
  #isClosing = false

  constructor(deps: SocketServerDeps) {
    this.#deps = deps
    this.#io = new Server(deps.httpServer, {
      path: WIRE_PATH,
      destroyUpgrade: false, // what is not for the wire is answered as if it asked for no upgrade
      transports: ['websocket'],
      perMessageDeflate: false,
      httpCompression: false,
      maxHttpBufferSize: MAX_MESSAGE_BYTES + 64 * 1024,
      pingInterval: PING_INTERVAL_MS,
      pingTimeout: PING_TIMEOUT_MS,
      connectTimeout: HANDSHAKE_TIMEOUT_MS,
      serveClient: false,
      cleanupEmptyChildNamespaces: true,
      // A browser says which site its page is from, and a file-server never does.
      allowRequest: (request, give) =>
        give(null, request.headers.origin === undefined && this.#strangerCount < MAX_STRANGERS),
    })
    this.#io.engine.on('connection', (connection: EngineConnection) =>
      boundConnection(connection, () => this.#trusted.has(connection)),
    )
    this.#io.use((_socket, next) => next(new Error(`dial ${FILE_SERVER_NAMESPACE}`)))
    const namespace = this.#io.of(FILE_SERVER_NAMESPACE)
    namespace.use((socket, next) => {
      try {
        socket.data.hello = parseHello(socket.handshake.auth, deps.identity.clusterId)
        next()
      } catch (error) {
        const refusal = toStoreError(error)
        deps.log.warn(
          { address: socket.handshake.address, error: refusal.name, detail: refusal.detail },
          'file-server refused',
        )
        next(new Error(refusal.detail ?? refusal.message))
      }
    })
    namespace.on('connection', (socket) => void this.#admit(socket))
  }

  /** Tells every file-server the managers it may dial. */
  announceManagers(): void {
    for (const link of this.#deps.registry.links)
      void this.#tellManagers(link.peer, false).catch((error) =>
        this.#deps.log.debug({ serverId: link.id, err: error }, 'managers not announced'),
      )
  }

  /** Ends all connections. Its owner closes the HTTP server. */
  async close(): Promise<void> {
    this.#isClosing = true
    this.#io.disconnectSockets(true)
    this.#io.engine.close()
  }

  async #admit(socket: Socket): Promise<void> {
    const { registry, identity, log, countCopies, onConnected } = this.#deps
    const hello = socket.data.hello as Hello
    const place = { serverId: hello.serverId, name: hello.name, address: socket.handshake.address }
    const isShared = this.#deps.isShared?.(socket.request.socket) === true
    socket.on('error', (error) => log.warn({ ...place, err: error }, 'socket error'))
    // The bound is looked at again, because many may have been let in at one moment.
    if (this.#strangerCount >= MAX_STRANGERS) {
      socket.disconnect(true)
      return
    }
    this.#strangerCount++
    try {
      const peer = new Peer(socket, managerCommands)
      const heartbeat = await authenticate(peer, hello, identity)
      if (isShared) {
        await this.#tellManagers(peer, true)
        socket.disconnect(true)
        return
      }
      this.#trusted.add(socket.conn)
      const link = new FileServerLink(hello, heartbeat, {
        socket,
        peer,
        now: () => performance.now(),
        reads: this.#reads,
        log: log.child(place),
      })
      this.#takeOver(link)
      // This only helps to place files until the file-server has counted for itself, and its own count does too.
      const count = heartbeat.isInventoryDone
        ? heartbeat.copyCount
        : countCopies(link.id).catch((thrown: unknown) => {
            log.warn({ ...place, error: toStoreError(thrown).name }, 'the records of a file-server were not counted')
            return heartbeat.copyCount
          })
      const [recordCount] = await Promise.all([count, this.#deps.onJoining?.(link)])
      this.#listen(socket, link)
      const told = await this.#tellManagers(link.peer, false)
      if (!link.isConnected) return
      // The same file-server may have come on another connection meanwhile.
      this.#takeOver(link)
      registry.add(link, recordCount)
      // Managers that came while it was told were announced without it.
      if (told.join() !== this.#deps.managers().join()) this.announceManagers()
      log.info({ ...place, copies: recordCount }, 'file-server connected')
      socket.once('disconnect', (reason) => {
        registry.remove(link)
        if (!this.#isClosing) log.warn({ ...place, reason }, 'file-server disconnected')
      })
      onConnected(link)
    } catch (error) {
      const refusal = toStoreError(error)
      // A file-server that is connected to this manager's own address refuses the shared one, which is nothing to warn of.
      log[isShared ? 'debug' : 'warn']({ ...place, error: refusal.name, detail: refusal.detail }, 'file-server refused')
      socket.disconnect(true)
    } finally {
      this.#strangerCount--
    }
  }

  /**
   * One identity belongs to one process. The same process again replaces its stale connection; another one has to wait until
   * that is gone.
   */
  #takeOver(link: FileServerLink): void {
    const known = this.#deps.registry.find(link.id)
    if (known === undefined || !known.isConnected) return
    if (known.bootId !== link.bootId)
      throw new StoreError('FORBIDDEN', 'a file-server with this id is connected already')
    known.disconnect()
  }

  #listen(socket: Socket, link: FileServerLink): void {
    const { registry, log } = this.#deps
    answerCommands(socket, fileServerCommands, {
      handlers: {
        heartbeat: async (heartbeat) => {
          registry.hear(link, heartbeat)
          return {}
        },
        'stream-frame': async ({ streamId, seq, isLast, bytes }) => {
          await link.streams.frame(streamId, seq, isLast, bytes)
          return {}
        },
        'part-tags': async ({ copyId }) => {
          const found = await this.#deps.tagsOf?.(copyId)
          return { partKey: found?.key ?? null, bytes: found?.tags ?? NO_TAGS }
        },
        'stream-error': async ({ streamId, error }) => {
          link.streams.fail(streamId, fromWireError(error))
          return {}
        },
      },
      onRefused: (command, error) => log.debug({ serverId: link.id, command, err: error }, 'message refused'),
    })
    socket.once('disconnect', () => link.streams.failAll(new StoreError('LINK_LOST')))
  }

  async #tellManagers(peer: Peer<ManagerCommands>, isReferral: boolean): Promise<readonly string[]> {
    const managers = this.#deps.managers()
    await peer.call('welcome', { managers, isReferral })
    return managers
  }
}
