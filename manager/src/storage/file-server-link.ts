import type { ServerId } from '@holdfast/shared/ids'
import type {
  FileServerToManagerEvents,
  Heartbeat,
  Hello,
  ManagerToFileServerEvents,
} from '@holdfast/shared/wire/events'
import { FrameBudget } from '@holdfast/shared/wire/frame-budget'
import { type CallOptions, Peer } from '@holdfast/shared/wire/peer'
import type { Socket } from 'socket.io'
import { IncomingStreams } from './incoming-streams.ts'

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
  readonly #peer: Peer
  readonly #socket: FileServerSocket
  #heartbeat: Heartbeat
  #heardAt: number
  /** Monotonic milliseconds. */
  readonly #now: () => number

  constructor(socket: FileServerSocket, hello: Hello, heartbeat: Heartbeat, now: () => number) {
    this.id = hello.serverId
    this.name = hello.name
    this.bootId = hello.bootId
    this.#socket = socket
    this.#peer = new Peer(socket)
    this.#heartbeat = heartbeat
    this.#now = now
    this.#heardAt = now()
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

  hear(heartbeat: Heartbeat): void {
    this.#heartbeat = heartbeat
    this.#heardAt = this.#now()
  }

  /** Sends a command. @returns its ack, to be parsed by the caller */
  call(
    command: keyof ManagerToFileServerEvents,
    args: readonly unknown[],
    options: CallOptions,
  ): Promise<Record<string, unknown>> {
    return this.#peer.call(command, args, options)
  }

  disconnect(): void {
    this.#socket.disconnect(true)
  }
}
