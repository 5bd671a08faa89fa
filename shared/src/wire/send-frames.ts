import { StoreError, toStoreError } from '../errors/store-error.ts'
import type { PooledBuffer } from './buffer-pool.ts'
import type { FrameBudget } from './frame-budget.ts'

export interface FrameSender {
  readonly budget: FrameBudget
  /** Resolves when the other end has taken the frame `seq`. The sender sets its own deadline and ends when the signal fires. */
  readonly send: (seq: number, bytes: Uint8Array, signal: AbortSignal) => Promise<unknown>
}

/**
 * Sends frames in order, as many at once as the budget allows, and waits until all are acknowledged. After the first failure
 * no further frame is sent, and that failure is thrown. It owns each frame that the source yields, and gives it back once
 * it is acknowledged; the memory of one that failed may still be on its way out, and is left to the collector.
 * @returns the number of frames
 */
export async function sendFrames(
  sender: FrameSender,
  frames: AsyncIterable<PooledBuffer>,
  signal?: AbortSignal,
): Promise<number> {
  const { budget } = sender
  const stop = new AbortController()
  const forward = (): void => stop.abort(signal?.reason)
  if (signal?.aborted) forward()
  signal?.addEventListener('abort', forward)
  const inFlight = new Set<Promise<void>>()
  const iterator = frames[Symbol.asyncIterator]()
  let failure: unknown
  let seq = 0

  const send = async ({ bytes, giveBack }: PooledBuffer): Promise<void> => {
    const sentAt = performance.now()
    try {
      await sender.send(seq++, bytes, stop.signal)
      budget.release(bytes.length, performance.now() - sentAt)
      giveBack()
    } catch (error) {
      budget.release(bytes.length, null)
      failure ??= error
      stop.abort(error)
    }
  }

  try {
    for (;;) {
      const step = await nextUnlessStopped(iterator, stop.signal)
      if (step.done === true) break
      await budget.acquire(step.value.bytes.length, stop.signal)
      const sending = send(step.value)
      inFlight.add(sending)
      sending.finally(() => inFlight.delete(sending))
    }
    await Promise.all(inFlight)
  } catch (error) {
    failure ??= error
    stop.abort(error)
    // Nobody waits for the source, which may itself be waiting for its client: it ends when it wakes.
    iterator.return?.().then(undefined, () => undefined)
    await Promise.all(inFlight)
  } finally {
    signal?.removeEventListener('abort', forward)
  }
  if (failure !== undefined) throw toStoreError(failure)
  return seq
}

/** Waits for the next frame or for the stop, because a source that stalls must not hide that the receiver is gone. */
function nextUnlessStopped<T>(iterator: AsyncIterator<T>, stop: AbortSignal): Promise<IteratorResult<T>> {
  return new Promise((resolve, reject) => {
    const cancel = (): void => reject(new StoreError('CANCELLED', undefined, { cause: stop.reason }))
    if (stop.aborted) return cancel()
    stop.addEventListener('abort', cancel)
    iterator
      .next()
      .finally(() => stop.removeEventListener('abort', cancel))
      .then(resolve, reject)
  })
}
