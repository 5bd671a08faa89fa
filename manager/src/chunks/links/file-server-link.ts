import type { ServerId } from '@holdfast/shared/ids'
import { FRAME_BYTES, MAX_UNACKED_BYTES } from '@holdfast/shared/limits'
import type { Logger } from '@holdfast/shared/node/logger'
import { BufferPool } from '@holdfast/shared/wire/buffer-pool'
import type { AckOf, ArgumentOf, ManagerCommands, NameIn } from '@holdfast/shared/wire/commands'
import { FrameBudget } from '@holdfast/shared/wire/frame-budget'
import type { CallOptions, Peer } from '@holdfast/shared/wire/peer'
import type { Heartbeat, Hello } from '@holdfast/shared/wire/shapes'
import type { Socket } from 'socket.io'
import { LocalDisk, type LocalReads } from '../reading/local-disk.ts'
import { ReadHistory } from '../reading/read-history.ts'
import { IncomingStreams } from './incoming-streams.ts'

/** A file-server that was silent is chosen last until it answers, or for this long. */
const SILENT_FOR_MS = 30_000

export interface LinkDeps {
  readonly socket: Socket
  readonly peer: Peer<ManagerCommands>
  /** Tells monotonic milliseconds. */
  readonly now: () => number
  /** All links of a manager count their reads together, for they share its thread pool. */
  readonly reads: LocalReads
  readonly log: Logger
}

/** Connects this manager to a file-server that has proved itself. */
export class FileServerLink {
  readonly id: ServerId
  readonly name: string
  readonly zone: string
  readonly bootId: string
  /** It reaches the manager from this address, as the manager sees it. */
  readonly address: string
  /** Other file-servers, and clients with a ticket, reach its chunk port here, if they do. */
  readonly chunkUrl: string
  /** Counts what this manager sends and has not seen acknowledged. */
  readonly outbound = new FrameBudget()
  /** Counts what this manager has asked for in acks and not yet got. */
  readonly inbound = new FrameBudget()
  readonly streams = new IncomingStreams()
  /** All uploads to the file-server share the memory for their frames. */
  readonly frames = new BufferPool(FRAME_BYTES, MAX_UNACKED_BYTES)
  /** Reads the file-server's disk where that is this machine's. */
  readonly disk: LocalDisk
  readonly readHistory: ReadHistory
  readonly peer: Peer<ManagerCommands>
  readonly #socket: Socket
  #heartbeat: Heartbeat
  #heardAt: number
  #pingedAt = Number.NEGATIVE_INFINITY
  #silentAt = Number.NEGATIVE_INFINITY
  readonly #now: () => number

  constructor(hello: Hello, heartbeat: Heartbeat, { socket, peer, now, reads, log }: LinkDeps) {
    this.id = hello.serverId
    this.name = hello.name
    this.zone = hello.zone
    this.bootId = hello.bootId
    this.#socket = socket
    this.peer = peer
    this.#heartbeat = heartbeat
    this.#now = now
    this.#heardAt = now()
    this.readHistory = new ReadHistory(now)
    const { address } = socket.handshake
    this.address = address
    this.chunkUrl = hello.chunkUrl
    this.disk = new LocalDisk({
      address,
      isAllowed: hello.allowsLocalReads,
      reads,
      log,
      locate: (copy) => peer.call('locate-file', copy),
    })
    socket.once('disconnect', () => this.disk.close())
  }

  get isConnected(): boolean {
    return this.peer.isConnected
  }

  get heartbeat(): Heartbeat {
    return this.#heartbeat
  }

  /** Counts the milliseconds since its last heartbeat. */
  get silentMs(): number {
    return this.#now() - this.#heardAt
  }

  /** Counts the milliseconds since its last heartbeat or, where that came later, the last ping that someone sent for it. */
  get sincePingMs(): number {
    return this.#now() - Math.max(this.#heardAt, this.#pingedAt)
  }

  /** Whoever pings for it does not prove that it lives, so this changes what lists show and not where files go. */
  notePing(): void {
    this.#pingedAt = this.#now()
  }

  /** Tells whether it lately left bytes unanswered for so long that they went elsewhere. Its heartbeats may come all the same. */
  get isSilent(): boolean {
    return this.#now() - this.#silentAt < SILENT_FOR_MS
  }

  noteSilence(): void {
    this.#silentAt = this.#now()
  }

  noteAnswer(): void {
    this.#silentAt = Number.NEGATIVE_INFINITY
  }

  hear(heartbeat: Heartbeat): void {
    this.#heartbeat = heartbeat
    this.#heardAt = this.#now()
  }

  call<C extends NameIn<ManagerCommands>>(
    command: C,
    argument: ArgumentOf<ManagerCommands, C>,
    options?: CallOptions,
  ): Promise<AckOf<ManagerCommands, C>> {
    return this.peer.call(command, argument, options)
  }

  disconnect(): void {
    this.#socket.disconnect(true)
  }
}
