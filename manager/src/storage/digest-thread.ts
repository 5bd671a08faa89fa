import { Worker } from 'node:worker_threads'
import { StoreError } from '@holdfast/shared/errors/store-error'

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

  /**
   * @param bytes in memory of their own: it is handed over, and every view of it is empty from now on.
   * @returns them again, in a view of the same memory. @throws INTERNAL where the thread ended; the memory is gone
   */
  digest(bytes: Buffer): Promise<Digested> {
    const worker = this.#worker ?? this.#start()
    const { byteOffset: offset, length } = bytes
    const memory = bytes.buffer as ArrayBuffer
    return new Promise((resolve, reject) => {
      // What cannot be handed over throws, and must not wait for an answer that is another's.
      worker.postMessage({ memory, offset, length }, [memory])
      this.#waiting.push({ offset, length, resolve, reject })
    })
  }

  async close(): Promise<void> {
    await this.#worker?.terminate()
  }

  #start(): Worker {
    const worker = new Worker(program, { eval: true, name: 'digests' })
    worker.unref()
    worker.on('message', ({ memory, sha256 }: Answer) => {
      const next = this.#waiting.shift()
      next?.resolve({ bytes: Buffer.from(memory, next.offset, next.length), sha256: Buffer.from(sha256) })
    })
    const end = (cause?: unknown): void => {
      if (this.#worker !== worker) return
      this.#worker = null
      const lost = this.#waiting
      this.#waiting = []
      for (const { reject } of lost) reject(new StoreError('INTERNAL', 'the digest thread ended', { cause }))
    }
    worker.on('error', end)
    worker.on('exit', () => end())
    this.#worker = worker
    return worker
  }
}
