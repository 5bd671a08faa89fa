import { StoreError } from '@holdfast/shared/errors/store-error'
import type { CopyId } from '@holdfast/shared/ids'
import { STREAM_IDLE_TIMEOUT_MS } from '@holdfast/shared/wire/protocol'
import type { NamedCopy, StoredCopy } from '@holdfast/shared/wire/shapes'
import type { FileServerLink } from '../links/file-server-link.ts'
import { storeCopy } from './store-copy.ts'

/**
 * Copies a copy from one file-server to another under a new copyId. The manager relays one frame at a time, and the target
 * verifies the digest before the copy becomes durable. The source is left as it is.
 */
export async function transferCopy(
  source: FileServerLink,
  target: FileServerLink,
  transfer: { readonly from: NamedCopy; readonly to: CopyId; readonly sizeBytes: number },
  signal?: AbortSignal,
): Promise<StoredCopy> {
  const { from, to, sizeBytes } = transfer
  const relay = new FrameRelay(sizeBytes)
  const streamId = source.streams.open(relay)
  try {
    const { copyId, slot, sha256 } = from
    const found = await source.call('transfer-file', { copyId, slot, sha256, streamId }, { signal })
    if (found.sizeBytes !== sizeBytes) throw new StoreError('COPY_MISMATCH')
    const order = { copyId: to, encoding: 'binary' as const, sizeBytes, sha256, requestId: `transfer-${to}` }
    return await storeCopy(target, order, { kind: 'stream', chunks: relay, partKey: null }, signal && { signal })
  } finally {
    relay.fail(new StoreError('CANCELLED'))
    source.streams.close(streamId)
  }
}

/** Hands frames on one by one: a frame is acknowledged to its source only when the next one is asked for. */
class FrameRelay implements AsyncIterable<Uint8Array> {
  #waiting: { bytes: Uint8Array; isLast: boolean; taken: () => void; dropped: (error: StoreError) => void } | null =
    null
  #wake: (() => void) | null = null
  #failure: StoreError | null = null
  #expectedBytes: number

  constructor(sizeBytes: number) {
    this.#expectedBytes = sizeBytes
  }

  frame(bytes: Uint8Array, isLast: boolean): Promise<void> {
    return new Promise((taken, dropped) => {
      this.#expectedBytes -= bytes.length
      if (this.#expectedBytes < 0) this.fail(new StoreError('COPY_MISMATCH', 'more bytes came than the copy has'))
      if (this.#failure !== null) return dropped(this.#failure)
      this.#waiting = { bytes, isLast, taken, dropped }
      this.#wake?.()
    })
  }

  fail(error: StoreError): void {
    this.#failure ??= error
    this.#waiting?.dropped(error)
    this.#waiting = null
    this.#wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      await this.#arrival()
      if (this.#failure !== null) throw this.#failure
      const frame = this.#waiting
      if (frame === null) continue
      this.#waiting = null
      let isTaken = false
      try {
        yield frame.bytes
        isTaken = true
      } finally {
        if (isTaken) frame.taken()
        else frame.dropped(new StoreError('CANCELLED'))
      }
      if (frame.isLast) return
    }
  }

  #arrival(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#waiting !== null || this.#failure !== null) return resolve()
      const timer = setTimeout(() => {
        this.#wake = null
        reject(new StoreError('DEADLINE_EXCEEDED'))
      }, STREAM_IDLE_TIMEOUT_MS)
      this.#wake = () => {
        clearTimeout(timer)
        this.#wake = null
        resolve()
      }
    })
  }
}
