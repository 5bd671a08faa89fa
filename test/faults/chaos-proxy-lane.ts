import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** A direction is named as the side that dialled sees it. */
export type Direction = 'toTarget' | 'toClient'

/** Each connection gets its own, which takes what comes in and returns what goes out instead. */
export type Rewrite = () => (bytes: Buffer) => readonly Buffer[]

/** A slow link passes on this many bytes at a time. */
const PIECE_BYTES = 4 * 1024
/** With this many bytes on their way, a lane stops reading. */
const MAX_QUEUED_BYTES = 4 * 1024 * 1024

export interface LaneDeps {
  readonly road: { readonly bytesPerSecond: number; readonly delayMs: number }
  readonly rewrite: ((bytes: Buffer) => readonly Buffer[]) | undefined
  readonly onRead: (bytes: Buffer) => void
  readonly held: () => Promise<void> | undefined
  /** @returns how many of so many bytes may pass. */
  readonly allow: (length: number) => number
}

/** A lane is one direction of one connection. */
export class ProxyLane {
  /** Resolves when nothing more will come. */
  readonly ended: Promise<void>
  readonly #to: Socket
  readonly #deps: LaneDeps
  #tail: Promise<void> = Promise.resolve()
  #queuedBytes = 0
  #isBlown = false
  #held: Promise<void> | undefined
  #release: () => void = () => undefined

  constructor(from: Socket, to: Socket, deps: LaneDeps) {
    this.#to = to
    this.#deps = deps
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
    const dueAt = performance.now() + this.#deps.road.delayMs
    this.#queuedBytes += bytes.length
    this.#tail = this.#tail.then(() => this.#pass(bytes, dueAt))
  }

  async #pump(from: Socket): Promise<void> {
    for await (const bytes of from as AsyncIterable<Buffer>) {
      this.#deps.onRead(bytes)
      for (const piece of this.#deps.rewrite?.(bytes) ?? [bytes]) this.send(piece)
      if (this.#queuedBytes > MAX_QUEUED_BYTES) await this.#tail
    }
    await this.#tail
  }

  async #pass(bytes: Buffer, dueAt: number): Promise<void> {
    const { road } = this.#deps
    const early = dueAt - performance.now()
    if (early > 0) await delay(early)
    for (let offset = 0; offset < bytes.length; ) {
      const { bytesPerSecond } = road
      const isSlow = Number.isFinite(bytesPerSecond)
      const piece = isSlow ? bytes.subarray(offset, offset + PIECE_BYTES) : bytes.subarray(offset)
      if (isSlow) await delay((piece.length / bytesPerSecond) * 1_000)
      await this.#held
      await this.#deps.held()
      this.#write(piece)
      offset += piece.length
    }
    this.#queuedBytes -= bytes.length
  }

  #write(piece: Buffer): void {
    if (this.#isBlown || this.#to.destroyed) return
    const allowed = this.#deps.allow(piece.length)
    this.#isBlown = allowed < piece.length
    this.#to.write(piece.subarray(0, allowed))
  }
}
