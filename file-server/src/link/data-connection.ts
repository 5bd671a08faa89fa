import type { Socket } from 'node:net'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { type DataHeader, encodeDataHeader } from '@holdfast/shared/wire/data-frame'
import { FrameBudget } from '@holdfast/shared/wire/frame-budget'

/** What a manager dialled for the bytes of large downloads. Frames go out in the order they are given. */
export class DataConnection {
  /** Of bytes that have not left this process. */
  readonly budget = new FrameBudget()
  readonly #socket: Socket

  constructor(socket: Socket) {
    this.#socket = socket
    // A manager has nothing to say here.
    socket.on('data', () => socket.destroy())
  }

  get isOpen(): boolean {
    return this.#socket.writable
  }

  /** Resolves when the frame has left this process: its memory is free. A manager that takes nothing until the deadline is gone. */
  send(frame: Omit<DataHeader, 'length'>, bytes: Uint8Array, deadlineMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.close(), deadlineMs)
      this.#socket.cork()
      this.#socket.write(encodeDataHeader({ ...frame, length: bytes.length }))
      this.#socket.write(bytes, (error) => {
        clearTimeout(timer)
        // What was under way when the socket was closed is called back without an error.
        if (error || this.#socket.destroyed)
          reject(new StoreError('LINK_LOST', 'the data connection ended', { cause: error }))
        else resolve()
      })
      this.#socket.uncork()
    })
  }

  close(): void {
    this.#socket.destroy()
  }
}
