import type { Writable } from 'node:stream'
import { StoreError } from '../errors/store-error.ts'

/** A client that takes nothing for this long gives up its download. No part may take so long to come from a file-server. */
export const STALL_LIMIT_MS = 120_000

/** A client has to take so much within the limit, which is about 0.5 KiB/s. */
export const PIECE_BYTES = 64 * 1024
/**
 * A client that has taken `LARGE_AFTER_BYTES`, each piece at once, gets pieces of this size: it has taken more than all
 * buffers on the way hold, so it is quick, and fewer and larger writes cost less.
 */
const LARGE_PIECE_BYTES = 512 * 1024
const LARGE_AFTER_BYTES = 16 * 1024 * 1024
const AT_ONCE_MS = 1_000

/** Ends the response unless it is over within the limit, which each `refresh` begins anew. */
export function watchStall(response: Writable, limitMs = STALL_LIMIT_MS): NodeJS.Timeout {
  const watch = setTimeout(() => response.destroy(new StoreError('CANCELLED', 'the client takes nothing')), limitMs)
  response.once('close', () => clearTimeout(watch))
  return watch
}

/** Hands the bytes on in small pieces. Ends the response when its client takes nothing of one, or of the end, for too long. */
export async function* writeUnlessStalled(
  response: Writable,
  first: Buffer,
  rest: AsyncIterable<Buffer>,
  limitMs = STALL_LIMIT_MS,
): AsyncGenerator<Buffer> {
  // Until the pipeline asks for the next piece it waits for the client; after the last one, until all of it is taken.
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
