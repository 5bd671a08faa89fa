import { Worker } from 'node:worker_threads'
import { StoreError } from '@holdfast/shared/errors/store-error'

/** For one part, which takes milliseconds, behind all that were handed in before. */
const DIGEST_DEADLINE_MS = 10_000

/** Bytes, and what they are by this process's own count. */
export interface Digested {
  readonly bytes: Buffer
  /** A sha-256, 32 bytes. */
  readonly sha256: Buffer
}

interface Waiting {
  readonly offset: number
  readonly length: number
  readonly resolve: (digested: Digested) => void
  readonly reject: (error: StoreError) => void
  readonly timer: NodeJS.Timeout
}

interface Answer {
  readonly memory: ArrayBuffer
  readonly sha256: Uint8Array
}

/** In text, so that it runs wherever this module does, compiled or not. Memory comes and goes without being copied. */
const program = `
const { parentPort } = require('node:worker_threads')
const { createHash } = require('node:crypto')
parentPort.on('message', ({ memory, offset, length }) => {
  const sha256 = createHash('sha256').update(new Uint8Array(memory, offset, length)).digest()
  parentPort.postMessage({ memory, sha256 }, [memory])
})`

/**
 * A thread that digests: half of what a large download costs, and of one thread's time, is SHA-256. Started when it is first
 * needed; it does not keep the process alive.
 */
export class DigestThread {
  #worker: Worker | null = null
  /** In the order in which they were handed in, which is that of the answers. */
  #waiting: Waiting[] = []

  get waitingCount(): number {
    return this.#waiting.length
  }

  /**
   * @param bytes in memory of their own: it is handed over, and every view of it is empty from now on.
   * @returns them again, in a view of the same memory.
   * @throws INTERNAL where the thread could not start, ended, or did not answer; the memory is gone
   */
  async digest(bytes: Buffer): Promise<Digested> {
    const worker = this.#worker ?? this.#start()
    const { byteOffset: offset, length } = bytes
    const memory = bytes.buffer as ArrayBuffer
    return new Promise((resolve, reject) => {
      // What cannot be handed over throws, and must not wait for an answer that is another's.
      worker.postMessage({ memory, offset, length }, [memory])
      const timer = setTimeout(() => {
        this.#end(worker, 'it does not answer')
        void worker.terminate()
      }, DIGEST_DEADLINE_MS)
      this.#waiting.push({ offset, length, resolve, reject, timer })
    })
  }

  async close(): Promise<void> {
    await this.#worker?.terminate()
  }

  #start(): Worker {
    const worker = startWorker()
    worker.unref()
    worker.on('message', ({ memory, sha256 }: Answer) => {
      const next = this.#waiting.shift()
      if (next === undefined) return
      clearTimeout(next.timer)
      next.resolve({ bytes: Buffer.from(memory, next.offset, next.length), sha256: Buffer.from(sha256) })
    })
    for (const event of ['error', 'messageerror', 'exit']) worker.on(event, (cause) => this.#end(worker, cause))
    this.#worker = worker
    return worker
  }

  /** Answers of a thread that has ended must not be taken for those of the next one. */
  #end(worker: Worker, cause: unknown): void {
    if (this.#worker !== worker) return
    this.#worker = null
    worker.removeAllListeners('message')
    const lost = this.#waiting
    this.#waiting = []
    for (const { reject, timer } of lost) {
      clearTimeout(timer)
      reject(new StoreError('INTERNAL', 'the digest thread ended', { cause }))
    }
  }
}

function startWorker(): Worker {
  try {
    return new Worker(program, { eval: true, name: 'digests' })
  } catch (cause) {
    throw new StoreError('INTERNAL', 'the digest thread could not start', { cause })
  }
}
