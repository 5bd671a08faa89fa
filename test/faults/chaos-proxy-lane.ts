import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** The direction is named as whoever dialled sees it. */
export type Direction = 'toTarget' | 'toClient'

/** It is made anew for each connection, takes what comes in, and says what goes out instead. */
export type Rewrite = () => (bytes: Buffer) => readonly Buffer[]

/** A slow link passes on so much at a time. */
const PIECE_BYTES = 4 * 1024
/** When so much is on its way, no more is read. */
const MAX_QUEUED_BYTES = 4 * 1024 * 1024

export interface LaneParts {
  readonly road: { readonly bytesPerSecond: number; readonly delayMs: number }
  readonly rewrite: ((bytes: Buffer) => readonly Buffer[]) | undefined
  readonly onRead: (bytes: Buffer) => void
  readonly held: () => Promise<void> | undefined
  /** Says how many of so many bytes may pass. */
  readonly allow: (length: number) => number
}

/** A lane is one direction of one connection. */
export class ProxyLane {
  /** Is called when nothing more will come. */
  readonly ended: Promise<void>
  readonly #to: Socket
  readonly #parts: LaneParts
  #tail: Promise<void> = Promise.resolve()
  #queuedBytes = 0
  #isBlown = false
  #held: Promise<void> | undefined
  #release: () => void = () => undefined

  constructor(from: Socket, to: Socket, parts: LaneParts) {
    this.#to = to
    this.#parts = parts
    this.ended = this.#pump(from)
  }

  hold(): void {
    this.#held ??= new Promise((resolve) => {
      this.#release = resolve
    })
  }

  release(): void {
    this.#release()
    this.#held = undefined
  }

  send(bytes: Buffer): void {
    const dueAt = performance.now() + this.#parts.road.delayMs
    this.#queuedBytes += bytes.length
    this.#tail = this.#tail.then(() => this.#pass(bytes, dueAt))
  }

  async #pump(from: Socket): Promise<void> {
    for await (const bytes of from as AsyncIterable<Buffer>) {
      this.#parts.onRead(bytes)
      for (const piece of this.#parts.rewrite?.(bytes) ?? [bytes]) this.send(piece)
      if (this.#queuedBytes > MAX_QUEUED_BYTES) await this.#tail
    }
    await this.#tail
  }

  async #pass(bytes: Buffer, dueAt: number): Promise<void> {
    const { road } = this.#parts
    const early = dueAt - performance.now()
    if (early > 0) await delay(early)
    for (let offset = 0; offset < bytes.length; ) {
      const { bytesPerSecond } = road
      const isSlow = Number.isFinite(bytesPerSecond)
      const piece = isSlow ? bytes.subarray(offset, offset + PIECE_BYTES) : bytes.subarray(offset)
      if (isSlow) await delay((piece.length / bytesPerSecond) * 1_000)
      await this.#held
      await this.#parts.held()
      this.#write(piece)
      offset += piece.length
    }
    this.#queuedBytes -= bytes.length
  }

  #write(piece: Buffer): void {
    if (this.#isBlown || this.#to.destroyed) return
    const allowed = this.#parts.allow(piece.length)
    this.#isBlown = allowed < piece.length
    this.#to.write(piece.subarray(0, allowed))
  }
}
