import { StoreError, toWireError } from '@holdfast/shared/errors/store-error'
import { FRAME_BYTES, MAX_UNACKED_BYTES } from '@holdfast/shared/limits'
import type { Logger } from '@holdfast/shared/node/logger'
import { BufferPool, type PooledBuffer } from '@holdfast/shared/wire/buffer-pool'
import type { FileServerCommands } from '@holdfast/shared/wire/commands'
import type { FrameBudget } from '@holdfast/shared/wire/frame-budget'
import type { Peer } from '@holdfast/shared/wire/peer'
import { sendFrames } from '@holdfast/shared/wire/send-frames'
import type { CopyReader, CopySpan } from '../store/store.ts'

/** A stream sends only this span of a copy, in bytes. */
export type StreamSpan = Omit<CopySpan, 'sizeBytes'>

/** Each stream holds a file descriptor, so one connection may have only so many open at once. */
const MAX_OUTGOING_STREAMS = 2_048

/** One manager reads these streams from this file-server. */
export class OutgoingStreams {
  readonly #peer: Peer<FileServerCommands>
  readonly #budget: FrameBudget
  readonly #log: Logger
  readonly #buffers = new BufferPool(FRAME_BYTES, MAX_UNACKED_BYTES)
  #openCount = 0

  constructor(peer: Peer<FileServerCommands>, budget: FrameBudget, log: Logger) {
    this.#peer = peer
    this.#budget = budget
    this.#log = log
  }

  /**
   * Sends `length` bytes from `offset` in the background. A failure reaches the manager as `stream-error`, and the
   * reader is closed in any case. @throws OVERLOADED
   */
  async start(streamId: string, reader: CopyReader, span: StreamSpan): Promise<void> {
    if (this.#openCount >= MAX_OUTGOING_STREAMS) {
      await reader[Symbol.asyncDispose]()
      throw new StoreError('OVERLOADED')
    }
    this.#openCount++
    void this.#send(streamId, reader, span)
      .catch(async (error: unknown) => {
        this.#log.debug({ streamId, err: error }, 'stream ended early')
        if (this.#peer.isConnected) await this.#peer.call('stream-error', { streamId, error: toWireError(error) })
      })
      .catch((error: unknown) => this.#log.debug({ streamId, err: error }, 'stream error not delivered'))
      .finally(() => this.#openCount--)
  }

  async #send(streamId: string, reader: CopyReader, { offset, length }: StreamSpan): Promise<void> {
    await using open = reader
    const frameCount = Math.max(1, Math.ceil(length / FRAME_BYTES))
    await sendFrames(
      {
        budget: this.#budget,
        send: (seq, bytes, signal) => {
          const isLast = seq === frameCount - 1
          return this.#peer.call('stream-frame', { streamId, seq, isLast, bytes }, { signal })
        },
      },
      readFrames(open, offset, length, this.#buffers),
    )
  }
}

async function* readFrames(
  reader: CopyReader,
  offset: number,
  length: number,
  buffers: BufferPool,
): AsyncGenerator<PooledBuffer> {
  if (length === 0) yield buffers.take(0)
  for (let sent = 0; sent < length; sent += FRAME_BYTES) {
    const { bytes, giveBack } = buffers.take()
    const frame = bytes.subarray(0, length - sent)
    await reader.read(offset + sent, frame)
    yield { bytes: frame, giveBack }
  }
}
