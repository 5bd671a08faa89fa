import { encodeBase64, encodeBase64Stream } from './base64-encode.ts'
import type { FileSource, OpenableSource } from './file-source.ts'
import type { IdleWatch } from './idle-watch.ts'

/** Up to this size a body is sent in one piece, with its length: cheaper, and browsers stream over HTTP/2 only. Bytes. */
const WHOLE_MAX_BYTES = 4 * 1024 * 1024

/** The source failed, not the request. */
export class SourceError extends Error {}

/** @returns the whole request body where the source is small and in memory, or null. */
export function wholeBody(filename: string, source: FileSource): Uint8Array<ArrayBuffer> | null {
  if (!(source instanceof Uint8Array) || source.length > WHOLE_MAX_BYTES) return null
  const [before, after] = frame(filename)
  const base64 = encodeBase64(source)
  const body = new Uint8Array(before.length + base64.length + after.length)
  body.set(before)
  body.set(base64, before.length)
  body.set(after, before.length + base64.length)
  return body
}

/** The request body as it is pulled. @param onProgress is told how many bytes of the source have gone out. */
export function streamedBody(
  filename: string,
  source: OpenableSource,
  watch: IdleWatch,
  onProgress: (sentBytes: number) => void,
): ReadableStream<Uint8Array> {
  const [before, after] = frame(filename)
  async function* pieces(): AsyncGenerator<Uint8Array> {
    yield before
    yield* encodeBase64Stream(counted(source.open(), onProgress))
    yield after
  }
  const iterator = pieces()
  return new ReadableStream({
    async pull(controller) {
      watch.pause()
      const next = await iterator.next()
      watch.touch()
      if (next.done) controller.close()
      else controller.enqueue(next.value)
    },
    async cancel() {
      await iterator.return(undefined)
    },
  })
}

async function* counted(
  source: AsyncIterable<Uint8Array>,
  onProgress: (sentBytes: number) => void,
): AsyncGenerator<Uint8Array> {
  let sentBytes = 0
  const iterator = source[Symbol.asyncIterator]()
  try {
    for (;;) {
      const next = await iterator.next().catch((cause: unknown) => {
        throw new SourceError('the source failed', { cause })
      })
      if (next.done) return
      yield next.value
      sentBytes += next.value.length
      onProgress(sentBytes)
    }
  } finally {
    await iterator.return?.()
  }
}

function frame(filename: string): [before: Uint8Array, after: Uint8Array] {
  const encoder = new TextEncoder()
  return [encoder.encode(`{"filename":${JSON.stringify(filename)},"file":"`), encoder.encode('"}')]
}
