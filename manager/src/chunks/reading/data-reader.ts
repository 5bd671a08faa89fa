import { connect, type Socket } from 'node:net'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { FRAME_BYTES } from '@holdfast/shared/limits'
import { DATA_HEADER_BYTES, DATA_KEY_BYTES, decodeDataHeader } from '@holdfast/shared/wire/data-frame'

const CONNECT_DEADLINE_MS = 2_000

/** Where the raw bytes of a stream go. They are written into its memory before it is told. */
export interface RawSink {
  /** The memory for what comes next; empty where nothing is wanted any more. */
  room(): Buffer
  /** So many bytes are there. */
  took(count: number): void
  end(): void
  fail(error: StoreError): unknown
}

interface Frame {
  readonly sink: RawSink | null
  readonly isLast: boolean
  leftBytes: number
}

interface ReaderParts {
  readonly place: { readonly host: string; readonly port: number }
  readonly key: Buffer
  readonly answer: Buffer
  /** Whose frame that is, or null where nobody wants it: it came before, or too late. */
  readonly sinkOf: (streamId: string, seq: number) => RawSink | null
  readonly onEnd: () => void
}

/** Reads the answer, then frame after frame. A file-server that sends anything else is hung up on. */
export class DataReader {
  /** Settles when the file-server has given the answer, or not. */
  readonly opened: Promise<void>
  readonly #parts: ReaderParts
  readonly #socket: Socket
  readonly #answer = Buffer.alloc(DATA_KEY_BYTES)
  readonly #header = Buffer.alloc(DATA_HEADER_BYTES)
  /** Takes what nobody wants any more. */
  readonly #waste = Buffer.alloc(FRAME_BYTES)
  #onOpen: () => void = () => undefined
  #isOpen = false
  #filledBytes = 0
  #frame: Frame | null = null
  /** Whose memory the next bytes are read into. */
  #reading: RawSink | null = null

  constructor(parts: ReaderParts) {
    this.#parts = parts
    this.#socket = connect({
      ...parts.place,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 10_000,
      onread: { buffer: () => this.#next(), callback: (count) => this.#take(count) },
    })
    this.#socket.on('error', () => undefined) // every error is followed by a close
    this.opened = new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.close(), CONNECT_DEADLINE_MS)
      this.#socket.once('connect', () => this.#socket.write(parts.key))
      this.#socket.once('close', () => {
        clearTimeout(timer)
        reject(new StoreError('LINK_LOST', 'no data connection'))
        parts.onEnd()
      })
      this.#onOpen = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  /** Where the next bytes are to be read to. */
  #next(): Buffer {
    this.#reading = null
    if (!this.#isOpen) return this.#answer.subarray(this.#filledBytes)
    if (this.#frame === null) return this.#header.subarray(this.#filledBytes)
    const { sink, leftBytes } = this.#frame
    const room = sink?.room()
    if (room === undefined || room.length === 0) return this.#waste.subarray(0, leftBytes)
    this.#reading = sink
    return room.subarray(0, leftBytes)
  }

  /** @returns whether to go on reading. */
  #take(count: number): boolean {
    if (this.#frame === null) {
      this.#filledBytes += count
      if (!this.#isOpen) this.#meet()
      else if (this.#filledBytes === DATA_HEADER_BYTES) this.#begin()
    } else {
      this.#frame.leftBytes -= count
      this.#reading?.took(count)
      this.#endFrame(this.#frame)
    }
    return !this.#socket.destroyed
  }

  #meet(): void {
    if (this.#filledBytes < DATA_KEY_BYTES) return
    if (!this.#answer.equals(this.#parts.answer)) {
      this.close()
      return
    }
    this.#filledBytes = 0
    this.#isOpen = true
    this.#onOpen()
  }

  #begin(): void {
    this.#filledBytes = 0
    const header = decodeDataHeader(this.#header)
    if (header.length > FRAME_BYTES) {
      this.close()
      return
    }
    const { streamId, seq, length, isLast } = header
    let sink = this.#parts.sinkOf(streamId, seq)
    if (sink !== null && length > sink.room().length) {
      sink.fail(new StoreError('COPY_MISMATCH', 'more bytes came than were asked for'))
      sink = null
    }
    this.#frame = { sink, isLast, leftBytes: length }
    this.#endFrame(this.#frame)
  }

  #endFrame({ sink, isLast, leftBytes }: Frame): void {
    if (leftBytes > 0) return
    this.#frame = null
    if (isLast) sink?.end()
  }
}
