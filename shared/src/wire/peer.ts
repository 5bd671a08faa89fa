import { fromWireError, StoreError, type WireResult } from '../errors/store-error.ts'

/** The part of a Socket.IO socket, server's or client's, that a Peer needs. */
export interface WireSocket {
  readonly connected: boolean
  timeout(ms: number): { emit(event: string, ...args: unknown[]): unknown }
  on(event: 'disconnect', listener: (reason: string) => void): unknown
}

export interface CallOptions {
  readonly deadlineMs: number
  readonly signal?: AbortSignal | undefined
}

/**
 * One end of a connection that sends commands. Every command ends: with its ack, at its deadline, when the connection
 * goes, or when its signal fires, whichever is first. Nothing is queued while disconnected.
 */
export class Peer {
  readonly #socket: WireSocket
  readonly #waiting = new Set<(error: StoreError) => void>()

  constructor(socket: WireSocket) {
    this.#socket = socket
    socket.on('disconnect', () => {
      const error = new StoreError('LINK_LOST')
      for (const fail of [...this.#waiting]) fail(error)
    })
  }

  get isConnected(): boolean {
    return this.#socket.connected
  }

  /** How many commands wait for their ack. */
  get waitingCount(): number {
    return this.#waiting.size
  }

  /** @returns the ack without its `ok`; what it holds is the peer's claim, to be parsed by the caller. */
  call(event: string, args: readonly unknown[], options: CallOptions): Promise<Record<string, unknown>> {
    const { deadlineMs, signal } = options
    return new Promise((resolve, reject) => {
      if (!this.#socket.connected) return reject(new StoreError('LINK_LOST'))
      if (signal?.aborted) return reject(new StoreError('CANCELLED', undefined, { cause: signal.reason }))
      const finish = (): void => {
        this.#waiting.delete(fail)
        signal?.removeEventListener('abort', cancel)
      }
      const fail = (error: StoreError): void => {
        finish()
        reject(error)
      }
      const cancel = (): void => fail(new StoreError('CANCELLED', undefined, { cause: signal?.reason }))
      this.#waiting.add(fail)
      signal?.addEventListener('abort', cancel)
      this.#socket
        .timeout(deadlineMs)
        .emit(event, ...args, (timedOut: unknown, result: WireResult<object> | undefined) => {
          if (timedOut) return fail(new StoreError(this.#socket.connected ? 'DEADLINE_EXCEEDED' : 'LINK_LOST'))
          if (typeof result !== 'object' || result === null)
            return fail(new StoreError('BAD_ANSWER', `${event}: not an ack`))
          if (result.ok !== true) return fail(failureOf('error' in result ? result.error : undefined))
          finish()
          resolve(result as unknown as Record<string, unknown>)
        })
    })
  }
}

/** The failure that an ack names. INTERNAL would say that it is on this side. */
export function failureOf(wire: unknown): StoreError {
  const error = fromWireError(wire)
  return error.name === 'INTERNAL' ? new StoreError('BAD_ANSWER', error.detail) : error
}
