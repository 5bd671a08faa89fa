import { StoreError, toWireError } from '@holdfast/shared/errors/store-error'
import { FRAME_BYTES } from '@holdfast/shared/limits'
import type { Logger } from '@holdfast/shared/node/logger'
import type { FileServerCommands } from '@holdfast/shared/wire/commands'
import type { DataPortAck } from '@holdfast/shared/wire/events'
import type { FrameBudget } from '@holdfast/shared/wire/frame-budget'
import { FrameBuffers } from '@holdfast/shared/wire/frame-buffers'
import type { Peer } from '@holdfast/shared/wire/peer'
import { STREAM_IDLE_TIMEOUT_MS } from '@holdfast/shared/wire/protocol'
import { sendFrames } from '@holdfast/shared/wire/send-frames'
import type { CopyReader } from '../store/store.ts'
import type { DataConnection } from './data-connection.ts'
import type { DataPort } from './data-port.ts'

/** What of a copy is sent, and whether by the data connection. */
export interface StreamSpan {
  readonly offset: number
  readonly length: number
  readonly isRaw: boolean
}

/** Streams open at once on one connection. Each holds a file descriptor. */
const MAX_OUTGOING_STREAMS = 2_048

/** The streams that one manager reads from this file-server. */
export class OutgoingStreams {
  readonly #peer: Peer<FileServerCommands>
  readonly #budget: FrameBudget
  readonly #log: Logger
  readonly #buffers = new FrameBuffers(FRAME_BYTES)
  /** The connection that the manager dialled for raw bytes. */
  #data: DataConnection | null = null
  #session = Symbol('session')
  #openCount = 0

  constructor(peer: Peer<FileServerCommands>, budget: FrameBudget, log: Logger) {
    this.#peer = peer
    this.#budget = budget
    this.#log = log
  }

  /**
   * Sends `length` bytes from `offset` in the background. A failure reaches the manager as `stream-error`. The reader is
   * closed in any case. @throws OVERLOADED, LINK_LOST where raw bytes have no connection
   */
  async start(streamId: string, reader: CopyReader, { offset, length, isRaw }: StreamSpan): Promise<void> {
    const data = isRaw ? this.#data : null
    const isRefused = isRaw && data?.isOpen !== true
    if (isRefused || this.#openCount >= MAX_OUTGOING_STREAMS) {
      await reader[Symbol.asyncDispose]()
      throw isRefused ? new StoreError('LINK_LOST', 'there is no data connection') : new StoreError('OVERLOADED')
    }
    this.#openCount++
    void this.#send(streamId, reader, { offset, length, data })
      .catch(async (error: unknown) => {
        this.#log.debug({ streamId, err: error }, 'stream ended early')
        if (this.#peer.isConnected) await this.#peer.call('stream-error', { streamId, error: toWireError(error) })
      })
      .catch((error: unknown) => this.#log.debug({ streamId, err: error }, 'stream error not delivered'))
      .finally(() => this.#openCount--)
  }

  /** Lets the manager dial for raw bytes, while it is connected. A connection takes the place of the one before it. */
  grantDataConnection(port: DataPort): DataPortAck {
    const session = this.#session
    return port.grant((connection) => {
      if (session === this.#session) {
        this.#data?.close()
        this.#data = connection
      } else connection.close()
    })
  }

  /** The manager is gone. */
  endSession(): void {
    this.#session = Symbol('session')
    this.#data?.close()
    this.#data = null
  }

  async #send(
    streamId: string,
    reader: CopyReader,
    { offset, length, data }: { offset: number; length: number; data: DataConnection | null },
  ): Promise<void> {
    await using open = reader
    const buffers = this.#buffers
    const frameCount = Math.max(1, Math.ceil(length / FRAME_BYTES))
    await sendFrames(
      {
        budget: data?.budget ?? this.#budget,
        buffers,
        send: (seq, bytes, signal) => {
          const isLast = seq === frameCount - 1
          if (data !== null) return data.send({ streamId, seq, isLast }, bytes, STREAM_IDLE_TIMEOUT_MS)
          return this.#peer.call('stream-frame', { streamId, seq, isLast, bytes }, { signal })
        },
      },
      readFrames(open, offset, length, buffers),
    )
  }
}

async function* readFrames(
  reader: CopyReader,
  offset: number,
  length: number,
  buffers: FrameBuffers,
): AsyncGenerator<Buffer> {
  if (length === 0) yield Buffer.alloc(0)
  for (let sent = 0; sent < length; sent += FRAME_BYTES) {
    const frame = buffers.take().subarray(0, length - sent)
    await reader.read(offset + sent, frame)
    yield frame
  }
}
