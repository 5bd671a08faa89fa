import type { IncomingMessage } from 'node:http'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { BodyPace } from './body-pace.ts'

/** Somebody waits for the bytes. The signal is asked for only where there is something to wait for, since making one costs. */
export interface Caller {
  readonly signal: AbortSignal
}

export interface RequestBytesOptions {
  /** The client may fall so far behind the slowest pace. */
  readonly patienceMs: number
  /** Is called once, before anything is read: this is the place to send `100 Continue`. */
  readonly beforeFirstRead?: (() => void) | undefined
  readonly caller?: Caller | undefined
}

/**
 * Gives the bytes of a request's body, read as they are asked for. Between two steps nothing listens to the request, so the
 * HTTP layer can drop what is left of it. @throws REQUEST_TIMEOUT, CANCELLED (the client hung up, or the signal)
 */
export async function* readRequestBytes(
  request: IncomingMessage,
  options: RequestBytesOptions,
): AsyncGenerator<Buffer, void, undefined> {
  const pace = new BodyPace(options.patienceMs)
  options.beforeFirstRead?.()
  // What came with the headers is there at the end of this turn.
  await null
  for (;;) {
    if (request.readableEnded) return
    if (request.destroyed) throw new StoreError('CANCELLED', undefined, { cause: request.errored })
    const chunk: Buffer | null = request.read()
    if (chunk !== null) {
      pace.noteBytes(chunk.length)
      yield chunk
      continue
    }
    const signal = options.caller?.signal
    if (signal?.aborted) throw new StoreError('CANCELLED', undefined, { cause: signal.reason })
    const startedAt = performance.now()
    await waitForChange(request, pace.nextWaitMs, signal)
    if (!pace.noteWait(performance.now() - startedAt)) throw tooSlow(options.patienceMs)
  }
}

function tooSlow(patienceMs: number): StoreError {
  return new StoreError('REQUEST_TIMEOUT', `the manager waits ${patienceMs / 1000} s for a sender: SENDER_PATIENCE_MS`)
}

/**
 * Takes a body of `length` bytes that came with its headers, as small ones mostly do. @returns null where it is still to be
 * read
 */
export async function takeArrived(
  request: IncomingMessage,
  length: number,
  { beforeFirstRead }: RequestBytesOptions,
): Promise<Buffer | null> {
  if (beforeFirstRead !== undefined || length === 0) return null
  // The body is there at the end of this turn, as in `readRequestBytes`.
  await null
  return request.destroyed || request.readableLength < length ? null : request.read()
}

const requestEvents = ['readable', 'end', 'error', 'close'] as const

/** Waits until there may be something to read, the request is over, the signal fires, or the time is up. */
function waitForChange(request: IncomingMessage, waitMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const finish = (): void => {
      clearTimeout(timer)
      for (const event of requestEvents) request.off(event, finish)
      signal?.removeEventListener('abort', finish)
      resolve()
    }
    const timer = setTimeout(finish, waitMs)
    for (const event of requestEvents) request.on(event, finish)
    signal?.addEventListener('abort', finish)
  })
}
