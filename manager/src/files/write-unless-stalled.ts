import type { Writable } from 'node:stream'
import { StoreError } from '@holdfast/shared/errors/store-error'

/** A client that takes nothing for this long gives up its download. */
const STALL_LIMIT_MS = 60_000

/** What has to be taken within the limit: about 1 KiB/s. */
const PIECE_BYTES = 64 * 1024

/** Hands the bytes on in small pieces; ends the response when its client takes nothing of one for too long. */
export async function* writeUnlessStalled(
  response: Writable,
  first: Buffer,
  rest: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer> {
  // The watch runs while a piece is handed on: until the pipeline asks for the next one, it waits for the client.
  const watch = setTimeout(
    () => response.destroy(new StoreError('CANCELLED', 'the client takes nothing')),
    STALL_LIMIT_MS,
  )
  function* cut(bytes: Buffer): Generator<Buffer> {
    for (let offset = 0; offset < bytes.length; offset += PIECE_BYTES) {
      watch.refresh()
      yield bytes.subarray(offset, offset + PIECE_BYTES)
    }
  }
  try {
    yield* cut(first)
    for await (const bytes of rest) yield* cut(bytes)
  } finally {
    clearTimeout(watch)
  }
}
