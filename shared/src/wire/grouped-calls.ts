import { StoreError } from '../errors/store-error.ts'
import { decodeGroup } from './group.ts'
import { Outbox } from './outbox.ts'
import { failureOf } from './peer.ts'

/** What comes back for a command: what its ack says, and its bytes where it has some. Both are the peer's claim. */
export interface GroupedAck {
  readonly result: Record<string, unknown>
  readonly bytes: Uint8Array | null
}

/** The part of a Socket.IO socket, server's or client's, that grouped calls need. */
export interface GroupSocket {
  readonly connected: boolean
  emit(event: string, ...args: unknown[]): unknown
  on(event: string, listener: (...args: never[]) => void): unknown
}

interface Waiting {
  readonly resolve: (ack: GroupedAck) => void
  readonly reject: (error: StoreError) => void
  readonly timer: NodeJS.Timeout
}

/**
 * Small commands that become ready in the same turn of the event loop share a message, and so do their acks; each has an
 * outcome and a deadline of its own. As with `Peer`, every command ends, and nothing is queued while disconnected.
 */
export class GroupedCalls {
  readonly #socket: GroupSocket
  readonly #waiting = new Map<number, Waiting>()
  readonly #outbox: Outbox
  /** Not 0 on every connection: the ack of a command that somebody plays again on a new one must not be taken for another's. */
  #nextId = Math.floor(Math.random() * 2 ** 40)

  constructor(socket: GroupSocket) {
    this.#socket = socket
    this.#outbox = new Outbox((group) => {
      if (socket.connected) socket.emit('commands', group)
    })
    socket.on('acks', (group: unknown) => this.#takeAcks(group))
    socket.on('disconnect', () => this.#failAll(new StoreError('LINK_LOST')))
  }

  /** How many commands wait for their ack. */
  get waitingCount(): number {
    return this.#waiting.size
  }

  /** @param bytes must stay as they are until the end of this turn of the event loop. */
  call(command: string, argument: object, bytes: Uint8Array | null, deadlineMs: number): Promise<GroupedAck> {
    return new Promise((resolve, reject) => {
      if (!this.#socket.connected) return reject(new StoreError('LINK_LOST'))
      const id = this.#nextId++
      const timer = setTimeout(
        () => this.#take(id)?.reject(new StoreError(this.#socket.connected ? 'DEADLINE_EXCEEDED' : 'LINK_LOST')),
        deadlineMs,
      )
      this.#waiting.set(id, { resolve, reject, timer })
      this.#outbox.add({ head: [id, command, argument], bytes })
    })
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id)
    if (waiting === undefined) return undefined
    clearTimeout(waiting.timer)
    this.#waiting.delete(id)
    return waiting
  }

  #failAll(error: StoreError): void {
    for (const id of [...this.#waiting.keys()]) this.#take(id)?.reject(error)
  }

  /** An ack that is late, or comes twice, finds nobody waiting. */
  #takeAcks(group: unknown): void {
    try {
      for (const { head, bytes } of decodeGroup(group)) this.#settle(head, bytes)
    } catch (error) {
      // Whose acks they were is not to be known.
      this.#failAll(new StoreError('BAD_ANSWER', 'acks that cannot be read', { cause: error }))
    }
  }

  #settle(head: unknown, bytes: Uint8Array | null): void {
    const [id, error, result] = Array.isArray(head) ? (head as unknown[]) : []
    const waiting = typeof id === 'number' ? this.#take(id) : undefined
    if (waiting === undefined) return
    if (error !== null) waiting.reject(failureOf(error))
    else if (typeof result !== 'object' || result === null) waiting.reject(new StoreError('BAD_ANSWER', 'not an ack'))
    else waiting.resolve({ result: result as Record<string, unknown>, bytes })
  }
}
