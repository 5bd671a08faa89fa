import { StoreError } from '@holdfast/shared/errors/store-error'
import { INLINE_MAX_BYTES, PART_BYTES } from '@holdfast/shared/limits'
import { parseAck, wireSchemas } from '@holdfast/shared/wire/command-schemas'
import type { NamedCopy } from '@holdfast/shared/wire/events'
import type { FileServerLink } from './file-server-link.ts'

const ACK_DEADLINE_MS = 10_000
/** A part has to be there in this time: 4 MiB at a little over 50 KB/s. */
const PART_DEADLINE_MS = 80_000

/** Reads `length` bytes, at most one part, of a copy. They are the file-server's claim: verify them before use. */
export async function readPart(
  link: FileServerLink,
  copy: NamedCopy,
  span: { readonly offset: number; readonly length: number; readonly requestId: string },
  signal?: AbortSignal,
): Promise<Buffer> {
  const { offset, length, requestId } = span
  if (length > PART_BYTES) throw new StoreError('INTERNAL', 'more than a part was asked for')
  const inlineBytes = length <= INLINE_MAX_BYTES ? length : 0
  if (inlineBytes > 0) await link.inbound.acquire(inlineBytes, signal)
  const part = new PartBuffer(length)
  const streamId = link.streams.open(part)
  const askedAt = performance.now()
  let ackDelayMs: number | null = null
  try {
    const command = { copyId: copy.copyId, slot: copy.slot, sha256: copy.sha256, offset, length, streamId, requestId }
    const ack = parseAck(
      wireSchemas.downloadAck,
      await link.call('download-file', [command], { deadlineMs: ACK_DEADLINE_MS, signal }),
    )
    ackDelayMs = performance.now() - askedAt
    if (ack.kind === 'stream') return await part.whole(PART_DEADLINE_MS, signal)
    if (ack.bytes.length !== length)
      throw new StoreError('COPY_MISMATCH', 'another number of bytes came than was asked for')
    return Buffer.from(ack.bytes.buffer, ack.bytes.byteOffset, ack.bytes.byteLength)
  } finally {
    if (inlineBytes > 0) link.inbound.release(inlineBytes, ackDelayMs)
    link.streams.close(streamId)
  }
}

/** Collects the frames of one part. Frames are taken at once: there is room for exactly what was asked for. */
class PartBuffer {
  readonly #bytes: Buffer
  #filled = 0
  #settle: ((error: StoreError | null) => void) | undefined
  #outcome: StoreError | null | undefined

  constructor(length: number) {
    this.#bytes = Buffer.allocUnsafe(length)
  }

  async frame(bytes: Uint8Array, isLast: boolean): Promise<void> {
    if (this.#filled + bytes.length > this.#bytes.length)
      throw this.fail(new StoreError('COPY_MISMATCH', 'more bytes came than were asked for'))
    this.#bytes.set(bytes, this.#filled)
    this.#filled += bytes.length
    if (isLast && this.#filled < this.#bytes.length)
      this.fail(new StoreError('COPY_MISMATCH', 'fewer bytes came than were asked for'))
    else if (isLast) this.#end(null)
  }

  fail(error: StoreError): StoreError {
    this.#end(error)
    return error
  }

  whole(deadlineMs: number, signal?: AbortSignal): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.fail(new StoreError('DEADLINE_EXCEEDED')), deadlineMs)
      const cancel = (): unknown => this.fail(new StoreError('CANCELLED', undefined, { cause: signal?.reason }))
      this.#settle = (error) => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', cancel)
        if (error === null) resolve(this.#bytes)
        else reject(error)
      }
      signal?.addEventListener('abort', cancel)
      if (this.#outcome !== undefined) this.#settle(this.#outcome)
      else if (signal?.aborted) cancel()
    })
  }

  #end(outcome: StoreError | null): void {
    if (this.#outcome !== undefined) return
    this.#outcome = outcome
    this.#settle?.(outcome)
  }
}
