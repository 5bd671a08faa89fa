import { Worker } from 'node:worker_threads'
import { StoreError } from '@holdfast/shared/errors/store-error'
import type { Digest } from '@holdfast/shared/ids'
import { FRAME_BYTES, INLINE_MAX_BYTES } from '@holdfast/shared/limits'
import { type CopyHash, hashHere } from './copy-hash.ts'

/** Cells of the ring, of a frame each: 4 MiB for all copies together. A power of two: what counts them wraps around. */
const CELLS = 8
/** How long the thread may have nothing to say while somebody waits for it. */
const ANSWER_LIMIT_MS = 60_000

/** Where in the ring's counters things stand: cells filled, cells emptied, whether somebody waits for an empty one; then, a cell, what it is for and its number. */
const FILLED = 0
const EMPTIED = 1
const IS_AWAITED = 2
const CELLS_FROM = 3
const CELL_FIELDS = 4

const kinds = { bytes: 0, end: 1, drop: 2 }

/** Of a copy that has ended; none where a cell is empty that somebody waits for. */
interface Answer {
  readonly id?: number
  readonly sha256?: Digest
}

/**
 * In text, so that it runs wherever this module does, compiled or not. It sleeps in the loop until a cell is filled: a message
 * a frame would cost a tenth of its hash.
 */
const program = `
const { parentPort, workerData: { counters, frames, kinds, cellBytes, cells } } = require('node:worker_threads')
const { createHash } = require('node:crypto')
const hashes = new Map()
for (let emptied = 0; ; ) {
  // More than once: what wakes it may have been said of a cell that it has emptied since.
  while (Atomics.load(counters, ${FILLED}) === emptied) Atomics.wait(counters, ${FILLED}, emptied)
  const cell = emptied & (cells - 1)
  const at = ${CELLS_FROM} + cell * ${CELL_FIELDS}
  const [kind, id, length, number] = counters.subarray(at, at + ${CELL_FIELDS})
  // Better no digest than a wrong one.
  if (number !== emptied) throw new Error('an empty cell was taken for a full one')
  const hash = hashes.get(id) ?? createHash('sha256')
  if (kind === kinds.bytes) hashes.set(id, hash.update(frames.subarray(cell * cellBytes, cell * cellBytes + length)))
  else hashes.delete(id)
  if (kind === kinds.end) parentPort.postMessage({ id, sha256: hash.digest('hex') })
  emptied = (emptied + 1) | 0
  Atomics.store(counters, ${EMPTIED}, emptied)
  if (Atomics.exchange(counters, ${IS_AWAITED}, 0) === 1) parentPort.postMessage({})
}`

/**
 * A thread that hashes large copies while the event loop receives, decodes and writes: on a processor without instructions
 * for SHA-256 that is half of what storing one costs. Started when it is first needed; it does not keep the process alive.
 */
export class HashThread {
  #running: RunningThread | null = null
  #nextId = 0

  /**
   * @param sizeBytes where it is known: a small copy is hashed here.
   * @throws INTERNAL, as all that is done with the hash, where the thread could not start, ended, or did not answer
   */
  start(sizeBytes: number | null = null): CopyHash {
    if (sizeBytes !== null && sizeBytes <= INLINE_MAX_BYTES) return hashHere()
    if (this.#running === null || this.#running.hasEnded) this.#running = new RunningThread()
    const thread = this.#running
    const id = this.#nextId
    this.#nextId = (id + 1) | 0
    let isOver = false
    return {
      update: async (bytes) => {
        // Once dropped it must not come to life again, in the middle of a piece either.
        for (let at = 0; at < bytes.length && !isOver; at += FRAME_BYTES)
          await thread.hash(id, bytes.subarray(at, at + FRAME_BYTES))
      },
      digest: () => {
        isOver = true
        return thread.end(id)
      },
      drop: () => {
        if (!isOver) thread.drop(id)
        isOver = true
      },
    }
  }

  async close(): Promise<void> {
    await this.#running?.close()
  }
}

interface Waiting<T> {
  readonly resolve: (value: T) => void
  readonly reject: (error: StoreError) => void
}

class RunningThread {
  readonly #counters = new Int32Array(new SharedArrayBuffer(4 * (CELLS_FROM + CELL_FIELDS * CELLS)))
  readonly #frames = new Uint8Array(new SharedArrayBuffer(CELLS * FRAME_BYTES))
  readonly #worker: Worker
  #filled = 0
  #failure: StoreError | null = null
  readonly #ends = new Map<number, Waiting<Digest>>()
  /** Those who wait for an empty cell. */
  readonly #turns: Waiting<void>[] = []
  #watch: NodeJS.Timeout | null = null

  constructor() {
    this.#worker = startWorker({ counters: this.#counters, frames: this.#frames })
    this.#worker.unref()
    this.#worker.on('message', (answer: Answer) => this.#take(answer))
    for (const event of ['error', 'messageerror', 'exit']) this.#worker.on(event, (cause) => this.#end(cause))
  }

  get hasEnded(): boolean {
    return this.#failure !== null
  }

  /** At most a frame. Resolves when the bytes are in the ring. */
  hash(id: number, bytes: Uint8Array): Promise<void> {
    return this.#fill(kinds.bytes, id, bytes)
  }

  async end(id: number): Promise<Digest> {
    await this.#fill(kinds.end, id)
    return this.#wait((waiting) => this.#ends.set(id, waiting))
  }

  drop(id: number): void {
    // With the thread goes what it had begun.
    this.#fill(kinds.drop, id).catch(() => undefined)
  }

  async close(): Promise<void> {
    await this.#worker.terminate()
  }

  async #fill(kind: number, id: number, bytes?: Uint8Array): Promise<void> {
    while (this.#isFull()) await this.#wait((waiting) => this.#turns.push(waiting))
    if (this.#failure !== null) throw this.#failure
    const cell = this.#filled & (CELLS - 1)
    if (bytes !== undefined) this.#frames.set(bytes, cell * FRAME_BYTES)
    this.#counters.set([kind, id, bytes?.length ?? 0, this.#filled], CELLS_FROM + cell * CELL_FIELDS)
    this.#filled = (this.#filled + 1) | 0
    Atomics.store(this.#counters, FILLED, this.#filled)
    Atomics.notify(this.#counters, FILLED)
  }

  /** Says so where it is: the thread may empty a cell between a look and the request to be told. */
  #isFull(): boolean {
    if (this.#failure !== null) return false
    const isFull = (): boolean => ((this.#filled - Atomics.load(this.#counters, EMPTIED)) | 0) >= CELLS
    if (!isFull()) return false
    Atomics.store(this.#counters, IS_AWAITED, 1)
    return isFull()
  }

  #wait<T>(enlist: (waiting: Waiting<T>) => unknown): Promise<T> {
    this.#watch ??= setTimeout(() => {
      this.#end('it does not answer')
      void this.#worker.terminate()
    }, ANSWER_LIMIT_MS)
    return new Promise((resolve, reject) => enlist({ resolve, reject }))
  }

  #take({ id, sha256 }: Answer): void {
    if (id !== undefined && sha256 !== undefined) {
      this.#ends.get(id)?.resolve(sha256)
      this.#ends.delete(id)
    }
    for (const { resolve } of this.#turns.splice(0)) resolve()
    if (this.#ends.size > 0) return void this.#watch?.refresh()
    clearTimeout(this.#watch ?? undefined)
    this.#watch = null
  }

  #end(cause: unknown): void {
    if (this.#failure !== null) return
    this.#failure = new StoreError('INTERNAL', 'the hash thread ended', { cause })
    clearTimeout(this.#watch ?? undefined)
    for (const { reject } of [...this.#turns.splice(0), ...this.#ends.values()]) reject(this.#failure)
    this.#ends.clear()
  }
}

function startWorker(memory: { readonly counters: Int32Array; readonly frames: Uint8Array }): Worker {
  try {
    const workerData = { ...memory, kinds, cells: CELLS, cellBytes: FRAME_BYTES }
    return new Worker(program, { eval: true, name: 'hashes', workerData })
  } catch (cause) {
    throw new StoreError('INTERNAL', 'the hash thread could not start', { cause })
  }
}
