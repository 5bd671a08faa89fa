import type { z } from 'zod'
import { fromWireError, StoreError } from '../errors/store-error.ts'
import type { AckOf, ArgumentOf, CommandTable, NameIn } from './commands.ts'
import { decodeGroup, type GroupItem } from './group.ts'
import { pack, unpack } from './message.ts'
import { Outbox } from './outbox.ts'

/** The wire needs no more than this of a Socket.IO socket, the server's or the client's. */
export interface WireSocket {
  readonly connected: boolean
  emit(event: string, ...args: unknown[]): unknown
  on(event: string, listener: (...args: never[]) => void): unknown
}

export interface CallOptions {
  /** Takes the place of the deadline in the table. */
  readonly deadlineMs?: number
  readonly signal?: AbortSignal | undefined
}

interface Waiting {
  readonly ack: z.ZodType
  readonly resolve: (ack: never) => void
  readonly reject: (error: unknown) => void
  /** Removes the timer and the listener that would end the wait. */
  readonly release: () => void
}

/**
 * Sends commands over a connection. Every command ends: with its ack, at its deadline, when the connection goes, or when its
 * signal fires, whichever is first. Nothing is queued while disconnected.
 */
export class Peer<T extends CommandTable> {
  readonly #socket: WireSocket
  readonly #table: T
  readonly #waiting = new Map<number, Waiting>()
  readonly #outbox: Outbox
  /**
   * Ids begin at a random number: when somebody plays a command again on a new connection, its ack must not be taken for
   * another's.
   */
  #nextId = Math.floor(Math.random() * 2 ** 40)

  /** @param table the commands that the other end answers */
  constructor(socket: WireSocket, table: T) {
    this.#socket = socket
    this.#table = table
    this.#outbox = new Outbox(socket, 'commands')
    socket.on('acks', (group: unknown) => this.#takeAcks(group))
    socket.on('disconnect', () => this.#failAll(new StoreError('LINK_LOST')))
  }

  get isConnected(): boolean {
    return this.#socket.connected
  }

  /** Counts the commands that wait for their ack. */
  get waitingCount(): number {
    return this.#waiting.size
  }

  /**
   * Sends a command. Bytes of one that travels in groups must stay as they are until the end of this turn of the event loop.
   * @throws StoreError the other end's; or BAD_ANSWER, DEADLINE_EXCEEDED, LINK_LOST, CANCELLED
   */
  call<C extends NameIn<T>>(
    command: C,
    argument: ArgumentOf<T, C>,
    { deadlineMs, signal }: CallOptions = {},
  ): Promise<AckOf<T, C>> {
    const row = this.#table[command] as T[C]
    return new Promise((resolve, reject) => {
      if (!this.#socket.connected) return reject(new StoreError('LINK_LOST'))
      if (signal?.aborted) return reject(cancelledBy(signal))
      const id = this.#nextId++
      const timer = setTimeout(
        () => this.#take(id)?.reject(new StoreError(this.#socket.connected ? 'DEADLINE_EXCEEDED' : 'LINK_LOST')),
        deadlineMs ?? row.deadlineMs,
      )
      const cancel = signal && ((): void => this.#take(id)?.reject(cancelledBy(signal)))
      if (cancel !== undefined) signal?.addEventListener('abort', cancel)
      const release = (): void => {
        clearTimeout(timer)
        if (cancel !== undefined) signal?.removeEventListener('abort', cancel)
      }
      this.#waiting.set(id, { ack: row.ack, resolve, reject, release })
      const { rest, bytes } = pack(argument as object)
      if (row.isGrouped) this.#outbox.add({ head: [id, command, rest], bytes })
      else if (bytes === null) this.#socket.emit(command, id, rest)
      else this.#socket.emit(command, id, rest, bytes)
    })
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id)
    if (waiting === undefined) return undefined
    this.#waiting.delete(id)
    waiting.release()
    return waiting
  }

  #failAll(error: StoreError): void {
    for (const id of [...this.#waiting.keys()]) this.#take(id)?.reject(error)
  }

  /** An ack that is late, or comes twice, finds nobody waiting. */
  #takeAcks(group: unknown): void {
    try {
      for (const item of decodeGroup(group)) this.#settle(item)
    } catch (error) {
      // A group that cannot be read does not say whose acks it held, so every command that waits fails.
      this.#failAll(new StoreError('BAD_ANSWER', 'acks that cannot be read', { cause: error }))
    }
  }

  #settle({ head, bytes }: GroupItem): void {
    const [id, error, result] = Array.isArray(head) ? (head as unknown[]) : []
    const waiting = typeof id === 'number' ? this.#take(id) : undefined
    if (waiting === undefined) return
    try {
      if (error !== null) throw failureOf(error)
      waiting.resolve(unpack(waiting.ack, result, bytes, 'BAD_ANSWER') as never)
    } catch (failure) {
      waiting.reject(failure)
    }
  }
}

function cancelledBy(signal: AbortSignal): StoreError {
  return new StoreError('CANCELLED', undefined, { cause: signal.reason })
}

/** An ack's INTERNAL is the other side's failure. It becomes BAD_ANSWER, for INTERNAL would blame this side. */
function failureOf(wire: unknown): StoreError {
  const error = fromWireError(wire)
  return error.name === 'INTERNAL' ? new StoreError('BAD_ANSWER', error.detail) : error
}
