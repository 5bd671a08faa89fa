import { FRAME_BYTES, MAX_UNACKED_BYTES } from '../limits.ts'

/** At most so many buffers wait for their next use. */
const KEPT_FRAMES = MAX_UNACKED_BYTES / FRAME_BYTES

/**
 * Keeps the memory for frames of one connection. A frame that is acknowledged has left this process, and its buffer is used
 * for a later one, because fresh memory for every frame costs more than sending it.
 */
export class FrameBuffers {
  readonly frameBytes: number
  readonly #free: Buffer[] = []

  constructor(frameBytes: number) {
    this.frameBytes = frameBytes
  }

  /** @returns `frameBytes` bytes with arbitrary content */
  take(): Buffer {
    return this.#free.pop() ?? Buffer.from(new ArrayBuffer(this.frameBytes))
  }

  /** @param frame a buffer that was taken, or its beginning; nobody may read it from here on */
  giveBack(frame: Uint8Array): void {
    if (frame.buffer.byteLength === this.frameBytes && this.#free.length < KEPT_FRAMES)
      this.#free.push(Buffer.from(frame.buffer as ArrayBuffer))
  }
}
