import type { ServerId } from '@holdfast/shared/ids'
import type { Logger } from '@holdfast/shared/node/logger'
import type {
  FileServerToManagerEvents,
  GroupedCommand,
  Heartbeat,
  Hello,
  ManagerToFileServerEvents,
} from '@holdfast/shared/wire/events'
import { FrameBudget } from '@holdfast/shared/wire/frame-budget'
import { type GroupedAck, GroupedCalls, type GroupSocket } from '@holdfast/shared/wire/grouped-calls'
import { type CallOptions, Peer } from '@holdfast/shared/wire/peer'
import type { Socket } from 'socket.io'
import { LocalDisk, type LocalReads } from '../reading/local-disk.ts'
import { IncomingStreams } from './incoming-streams.ts'

/** A file-server that was silent is chosen last until it answers, or for this long. */
const SILENT_FOR_MS = 30_000
/** As long as for a download's own ack: a client waits for it. */
const LOCATE_DEADLINE_MS = 10_000

/** What all links of a manager share. */
export interface LinkParts {
  /** Monotonic milliseconds. */
  readonly now: () => number
  readonly reads: LocalReads
}

export type FileServerSocket = Socket<FileServerToManagerEvents, ManagerToFileServerEvents>

/** A file-server that has proved itself, as this manager is connected to it. */
export class FileServerLink {
  readonly id: ServerId
  readonly name: string
  readonly bootId: string
  /** What this manager sends and has not seen acknowledged. */
  readonly outbound = new FrameBudget()
  /** What this manager has asked for in acks and not yet got. */
  readonly inbound = new FrameBudget()
  readonly streams = new IncomingStreams()
  /** Where it runs on this machine, its disk. */
  readonly disk: LocalDisk
  readonly #peer: Peer
  readonly #grouped: GroupedCalls
  readonly #socket: FileServerSocket
  #heartbeat: Heartbeat
  #heardAt: number
  #silentAt = Number.NEGATIVE_INFINITY
  readonly #now: () => number

  constructor(socket: FileServerSocket, hello: Hello, heartbeat: Heartbeat, { now, reads }: LinkParts, log: Logger) {
    this.id = hello.serverId
    this.name = hello.name
    this.bootId = hello.bootId
    this.#socket = socket
    this.#peer = new Peer(socket)
    this.#grouped = new GroupedCalls(socket as GroupSocket)
    this.#heartbeat = heartbeat
    this.#now = now
    this.#heardAt = now()
    const { address } = socket.handshake
    this.disk = new LocalDisk({
      address,
      isAllowed: hello.allowsLocalReads,
      reads,
      log,
      locate: (copy) => this.call('locate-file', [copy], { deadlineMs: LOCATE_DEADLINE_MS }),
    })
    socket.once('disconnect', () => this.disk.close())
  }

  get peer(): Peer {
    return this.#peer
  }

  get isConnected(): boolean {
    return this.#peer.isConnected
  }

  get heartbeat(): Heartbeat {
    return this.#heartbeat
  }

  /** Milliseconds since its last heartbeat. */
  get silentMs(): number {
    return this.#now() - this.#heardAt
  }

  /** Whether it lately left bytes unanswered for so long that they went elsewhere. It still sends heartbeats, perhaps. */
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

  /** Sends a command. @returns its ack, to be parsed by the caller */
  call(
    command: Exclude<keyof ManagerToFileServerEvents, 'commands'>,
    args: readonly unknown[],
    options: CallOptions,
  ): Promise<Record<string, unknown>> {
    return this.#peer.call(command, args, options)
  }

  /** Sends a command on a small body, together with others. @returns its ack, to be parsed by the caller */
  callGrouped(
    command: GroupedCommand,
    argument: object,
    bytes: Uint8Array | null,
    deadlineMs: number,
  ): Promise<GroupedAck> {
    return this.#grouped.call(command, argument, bytes, deadlineMs)
  }

  /** How many commands wait for their ack. */
  get waitingCount(): number {
    return this.#peer.waitingCount + this.#grouped.waitingCount
  }

  disconnect(): void {
    this.#socket.disconnect(true)
  }
}
