import type { Writable } from 'node:stream'
import { StoreError } from '@holdfast/shared/errors/store-error'

/** A client that takes nothing for this long gives up its download. Longer than a part may take to come from a file-server. */
const STALL_LIMIT_MS = 120_000

/** What has to be taken within the limit: about 1 KiB/s. */
export const PIECE_BYTES = 64 * 1024
/**
 * For a client that has taken so much, each piece at once: more than all buffers on the way hold, so it is quick. Fewer and
 * larger writes cost less.
 */
const LARGE_PIECE_BYTES = 512 * 1024
const LARGE_AFTER_BYTES = 16 * 1024 * 1024
const AT_ONCE_MS = 1_000

/** Ends the response unless it is over within the limit, counted anew at each `refresh`. */
export function watchStall(response: Writable, limitMs = STALL_LIMIT_MS): NodeJS.Timeout {
  const watch = setTimeout(() => response.destroy(new StoreError('CANCELLED', 'the client takes nothing')), limitMs)
  response.once('close', () => clearTimeout(watch))
  return watch
}

/** Hands the bytes on in small pieces; ends the response when its client takes nothing of one, or of the end, for too long. */
export async function* writeUnlessStalled(
  response: Writable,
  first: Buffer,
  rest: AsyncIterable<Buffer>,
  limitMs = STALL_LIMIT_MS,
): AsyncGenerator<Buffer> {
  // Until the pipeline asks for the next piece, it waits for the client; after the last one, until all of it is taken.
  const watch = watchStall(response, limitMs)
  let takenAtOnceBytes = 0
  function* cut(bytes: Buffer): Generator<Buffer> {
    for (let offset = 0; offset < bytes.length; ) {
      const pieceBytes = takenAtOnceBytes >= LARGE_AFTER_BYTES ? LARGE_PIECE_BYTES : PIECE_BYTES
      const piece = bytes.subarray(offset, offset + pieceBytes)
      offset += piece.length
      watch.refresh()
      const givenAt = performance.now()
      yield piece
      takenAtOnceBytes = performance.now() - givenAt < AT_ONCE_MS ? takenAtOnceBytes + piece.length : 0
    }
  }
  yield* cut(first)
  for await (const bytes of rest) yield* cut(bytes)
  watch.refresh()
}
