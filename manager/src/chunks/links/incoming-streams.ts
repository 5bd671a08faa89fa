import { randomBytes } from 'node:crypto'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { MAX_UNACKED_BYTES } from '@holdfast/shared/limits'

/** Takes a stream's frames. A rejection ends the stream, and its sender with it. */
export interface FrameSink {
  frame(bytes: Uint8Array, isLast: boolean): Promise<void>
  fail(error: StoreError): void
}

interface OpenStream {
  readonly sink: FrameSink
  nextSeq: number
  waitingBytes: number
  tail: Promise<void>
}

/** Hands the streams that come from one file-server to their sinks. */
export class IncomingStreams {
  readonly #open = new Map<string, OpenStream>()

  get openCount(): number {
    return this.#open.size
  }

  /** @returns the id to name in the command that asks for the stream. Give it back with `close`. */
  open(sink: FrameSink): string {
    const streamId = randomBytes(8).toString('hex')
    this.#open.set(streamId, { sink, nextSeq: 0, waitingBytes: 0, tail: Promise.resolve() })
    return streamId
  }

  close(streamId: string): void {
    this.#open.delete(streamId)
  }

  /** Resolves when the sink has taken the frame. A frame that came before is acknowledged and ignored. */
  async frame(streamId: string, seq: number, isLast: boolean, bytes: Uint8Array): Promise<void> {
    const stream = this.#open.get(streamId)
    if (stream === undefined) throw new StoreError('CANCELLED')
    if (seq < stream.nextSeq) return stream.tail
    if (seq > stream.nextSeq) throw new StoreError('INVALID_REQUEST', `frame ${stream.nextSeq} is missing`)
    if (stream.waitingBytes + bytes.length > MAX_UNACKED_BYTES)
      throw new StoreError('OVERLOADED', 'more was sent than may wait for its ack')
    stream.nextSeq++
    stream.waitingBytes += bytes.length
    stream.tail = stream.tail
      .then(() => stream.sink.frame(bytes, isLast))
      .finally(() => {
        stream.waitingBytes -= bytes.length
      })
    return stream.tail
  }

  fail(streamId: string, error: StoreError): void {
    this.#open.get(streamId)?.sink.fail(error)
  }

  failAll(error: StoreError): void {
    for (const stream of [...this.#open.values()]) stream.sink.fail(error)
  }
}
