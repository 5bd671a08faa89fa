import { StoreError } from '@holdfast/shared/errors/store-error'

/**
 * An upload takes any of these. A function opens the bytes anew each time it is called, so the upload can be sent
 * again; a bare iterable can be sent only once.
 */
export type FileSource = Uint8Array | Blob | AsyncIterable<Uint8Array> | (() => AsyncIterable<Uint8Array>)

export interface OpenableSource {
  readonly open: () => AsyncIterable<Uint8Array>
  readonly canSendAgain: boolean
}

const SLICE_BYTES = 1024 * 1024

/** Makes a source that can be opened, and checks it at run time too, because streams of text have the same type in Node. @throws INVALID_REQUEST, also later, where the source gives no bytes */
export function toOpenable(source: FileSource): OpenableSource {
  if (source instanceof Uint8Array) return { open: () => once(source), canSendAgain: true }
  if (source instanceof Blob) return { open: () => slicesOf(source), canSendAgain: true }
  if (typeof source === 'function') return { open: () => iterable(source()), canSendAgain: true }
  return { open: () => iterable(source), canSendAgain: false }
}

function iterable(source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  if (typeof Object(source)[Symbol.asyncIterator] === 'function') return source
  throw new StoreError(
    'INVALID_REQUEST',
    'a source is a Uint8Array, a Blob, a stream of bytes, or a function that opens one',
  )
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

/** Not every browser can iterate over `blob.stream()`. */
async function* slicesOf(blob: Blob): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < blob.size; offset += SLICE_BYTES) {
    yield new Uint8Array(await blob.slice(offset, offset + SLICE_BYTES).arrayBuffer())
  }
}
