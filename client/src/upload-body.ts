import { StoreError } from '@holdfast/shared/errors/store-error'
import { encodeBase64, encodeBase64Stream } from './base64-encode.ts'
import type { FileSource, OpenableSource } from './file-source.ts'
import type { IdleWatch } from './idle-watch.ts'
import { canStreamRequests, isBrowser } from './request-streams.ts'

/**
 * A body up to this many bytes is sent whole and with its length, which is cheaper, and browsers stream only over
 * HTTP/2.
 */
const WHOLE_MAX_BYTES = 4 * 1024 * 1024

export type RequestBody = Uint8Array<ArrayBuffer> | Blob | ReadableStream<Uint8Array>

/** The source failed, not the request. */
export class SourceError extends Error {}

export interface UploadSource {
  readonly openable: OpenableSource
  /** The source may take this long to its next bytes. */
  readonly patienceMs: number
  /** Any upload adds what it has opened, because a stream gives its bytes once, and would pass for an empty file. */
  readonly spent: WeakSet<object>
  /** Is told how many bytes of the source have gone out. */
  readonly onProgress: (sentBytes: number) => void
}

/** This is how a file travels in the body of a request. */
export interface BodyForm {
  readonly before: Uint8Array
  readonly after: Uint8Array
  /** @returns a copy of its own. */
  encode(bytes: Uint8Array): Uint8Array<ArrayBuffer>
  encodeStream(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array>
}

/** The body is JSON that holds the name and the file in base64. */
export function jsonForm(filename: string): BodyForm {
  const encoder = new TextEncoder()
  return {
    before: encoder.encode(`{"filename":${JSON.stringify(filename)},"file":"`),
    after: encoder.encode('"}'),
    encode: encodeBase64,
    encodeStream: encodeBase64Stream,
  }
}

/** The body is the file itself. */
export const rawForm: BodyForm = {
  before: new Uint8Array(0),
  after: new Uint8Array(0),
  encode: (bytes) => new Uint8Array(bytes),
  async *encodeStream(source) {
    // A source may use its buffer again while what it gave is still to be sent.
    for await (const bytes of source) yield new Uint8Array(bytes)
  },
}

/** @returns the whole request body where the source is small and in memory, or null. */
export function wholeBody(form: BodyForm, source: FileSource): Uint8Array<ArrayBuffer> | null {
  if (!(source instanceof Uint8Array) || source.length > WHOLE_MAX_BYTES) return null
  const { before, after } = form
  const encoded = form.encode(source)
  if (before.length + after.length === 0) return encoded
  const body = new Uint8Array(before.length + encoded.length + after.length)
  body.set(before)
  body.set(encoded, before.length)
  body.set(after, before.length + encoded.length)
  return body
}

/** @returns the blob that a browser sends as it is, with its length and over HTTP/1.1 too, or null. */
export function blobBody(form: BodyForm, source: FileSource): Blob | null {
  return form === rawForm && source instanceof Blob && isBrowser() ? source : null
}

/**
 * Makes the request body, which is pulled. It resolves when the source has given its first bytes, so that no request is
 * open while a producer has nothing to send yet. The source is closed when the call is over.
 * @throws INVALID_REQUEST where a browser would store the text "[object ReadableStream]" in its place
 */
export async function streamedBody(
  form: BodyForm,
  source: UploadSource,
  watch: IdleWatch,
): Promise<ReadableStream<Uint8Array>> {
  if (!canStreamRequests())
    throw new StoreError(
      'INVALID_REQUEST',
      'this browser cannot send a stream: share a Blob, put it with the class replicated, or give at most 4 MiB of bytes',
    )
  const stop = AbortSignal.any([watch.signal, watch.over])
  const encoded = form.encodeStream(guarded(source, stop))
  const close = (): void => void encoded.return(undefined).catch(() => undefined)
  stop.addEventListener('abort', close, { once: true })
  const nextPiece = async (): Promise<IteratorResult<Uint8Array>> => {
    watch.pause()
    const next = await encoded.next()
    // A source that was closed early must not look like the end of the file.
    if (stop.aborted) throw cancelled(stop)
    watch.touch()
    return next
  }
  const first = await nextPiece()
  async function* pieces(): AsyncGenerator<Uint8Array> {
    if (form.before.length > 0) yield form.before
    for (let next = first; !next.done; next = await nextPiece()) yield next.value
    if (form.after.length > 0) yield form.after
  }
  const iterator = pieces()
  let sentBytes = 0
  return new ReadableStream({
    async pull(controller) {
      const next = await iterator.next()
      if (next.done) {
        controller.close()
        watch.awaitAnswer(sentBytes)
        return
      }
      sentBytes += next.value.length
      controller.enqueue(next.value)
    },
    cancel: close,
  })
}

/** What the caller's own code throws is not mistaken for a failure of the request. */
async function* guarded(source: UploadSource, stop: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    yield* counted(source, stop)
  } catch (cause) {
    throw new SourceError('the source failed', { cause })
  }
}

async function* counted(
  { openable, patienceMs, spent, onProgress }: UploadSource,
  stop: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let sentBytes = 0
  const opened = openable.open()
  if (spent.has(opened))
    throw new StoreError('INVALID_REQUEST', 'this source was read before: give a function that opens it anew')
  spent.add(opened)
  const iterator = opened[Symbol.asyncIterator]()
  try {
    for (;;) {
      const next = await within(iterator.next(), patienceMs, stop)
      if (next.done) return
      const bytes: unknown = next.value
      if (!(bytes instanceof Uint8Array))
        throw new StoreError('INVALID_REQUEST', 'the source gives something else than bytes')
      yield bytes
      sentBytes += bytes.length
      onProgress(sentBytes)
    }
  } finally {
    // A source that waits for its producer ends only when it wakes, and nobody should wait for that.
    void iterator.return?.().catch(() => undefined)
  }
}

/** @throws REQUEST_TIMEOUT after `patienceMs`, CANCELLED where the signal fires first */
function within<T>(next: Promise<T>, patienceMs: number, stop: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => {
      settle()
      reject(error)
    }
    const cancel = (): void => fail(cancelled(stop))
    const timer = setTimeout(
      () => fail(new StoreError('REQUEST_TIMEOUT', `the source gave nothing for ${patienceMs / 1000} s`)),
      patienceMs,
    )
    const settle = (): void => {
      clearTimeout(timer)
      stop.removeEventListener('abort', cancel)
    }
    stop.addEventListener('abort', cancel)
    next.then((value) => {
      settle()
      resolve(value)
    }, fail)
    if (stop.aborted) cancel()
  })
}

function cancelled(stop: AbortSignal): StoreError {
  return new StoreError('CANCELLED', undefined, { cause: stop.reason })
}
