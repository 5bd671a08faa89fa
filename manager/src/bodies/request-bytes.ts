import type { IncomingMessage } from 'node:http'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { BodyPace, DEFAULT_PACE, type PaceLimits } from './body-pace.ts'

export interface RequestBytesOptions {
  readonly pace?: PaceLimits | undefined
  /** Called once, before anything is read: the place to send `100 Continue`. */
  readonly beforeFirstRead?: (() => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * The bytes of a request's body, read as they are asked for. Between two steps nothing listens to the request, so the
 * HTTP layer can drop what is left of it.
 * @throws REQUEST_TIMEOUT, CANCELLED (the client hung up, or the signal)
 */
export async function* readRequestBytes(
  request: IncomingMessage,
  options: RequestBytesOptions = {},
): AsyncGenerator<Buffer, void, undefined> {
  const { signal } = options
  const pace = new BodyPace(options.pace ?? DEFAULT_PACE)
  options.beforeFirstRead?.()
  for (;;) {
    if (signal?.aborted) throw new StoreError('CANCELLED', undefined, { cause: signal.reason })
    if (request.readableEnded) return
    if (request.destroyed) throw new StoreError('CANCELLED', undefined, { cause: request.errored })
    const chunk: Buffer | null = request.read()
    if (chunk !== null) {
      pace.noteBytes(chunk.length)
      yield chunk
      continue
    }
    const startedAt = performance.now()
    await waitForChange(request, pace.nextWaitMs, signal)
    if (!pace.noteWait(performance.now() - startedAt)) throw new StoreError('REQUEST_TIMEOUT')
  }
}

const requestEvents = ['readable', 'end', 'error', 'close'] as const

/** Until there may be something to read, the request is over, the signal fires, or the time is up. */
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
