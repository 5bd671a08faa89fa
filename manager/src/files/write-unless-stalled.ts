import type { Writable } from 'node:stream'
import { StoreError } from '@holdfast/shared/errors/store-error'

/** A client that takes nothing for this long gives up its download. Longer than a part may take to come from a file-server. */
const STALL_LIMIT_MS = 90_000

/** What has to be taken within the limit: about 1 KiB/s. */
export const PIECE_BYTES = 64 * 1024
/** For a client that takes each piece at once: fewer and larger writes cost less. One that slows down within such a piece needs 6 KiB/s for it. */
const LARGEST_PIECE_BYTES = 512 * 1024
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
  let pieceBytes = PIECE_BYTES
  function* cut(bytes: Buffer): Generator<Buffer> {
    for (let offset = 0; offset < bytes.length; ) {
      const piece = bytes.subarray(offset, offset + pieceBytes)
      offset += piece.length
      watch.refresh()
      const givenAt = performance.now()
      yield piece
      const isTakenAtOnce = performance.now() - givenAt < AT_ONCE_MS
      pieceBytes = isTakenAtOnce ? Math.min(LARGEST_PIECE_BYTES, 2 * pieceBytes) : PIECE_BYTES
    }
  }
  yield* cut(first)
  for await (const bytes of rest) yield* cut(bytes)
  watch.refresh()
}
