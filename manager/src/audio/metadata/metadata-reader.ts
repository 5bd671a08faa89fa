import { Worker } from 'node:worker_threads'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { Allowance } from './allowance.ts'
import type { Cover, MetadataResult } from './metadata.ts'
import type { FromThread, ToThread } from './thread-messages.ts'

/** The metadata of such a file is read. */
export interface ReadableFile {
  readonly size: number
  /** These are the first bytes, as many as are held. */
  readonly head: Buffer
  /** @returns the bytes `start` to `end`. @throws FILE_UNAVAILABLE */
  read(start: number, end: number): Promise<Buffer>
}

export interface MetadataReaderOptions {
  /** The thread may compute so long without asking for bytes. */
  readonly stepMs?: number
  /** One file may take so long, without what is waited for. */
  readonly fileMs?: number
  /** The bytes of one file may be waited for so long, while others wait for their turn. */
  readonly fetchMs?: number
  /** A file waits so long for its turn. */
  readonly turnMs?: number
  /** The thread ends when nothing was asked of it for so long. */
  readonly idleMs?: number
  /** The thread runs this, unless what was built of `metadata-thread.ts`. */
  readonly script?: URL
}

const defaults = { stepMs: 4_000, fileMs: 20_000, fetchMs: 20_000, turnMs: 20_000, idleMs: 60_000 }
const MAX_WAITING = 1_000
const HEAP_MIB = 96

type Answer = Exclude<FromThread, { kind: 'fetch' }>
const tooMuch: MetadataResult = { kind: 'broken', reason: 'its metadata takes too much time or memory to read' }

/** Has metadata read in a thread, one file after the other. A thread that takes too long is ended, and the next file gets another. */
export class MetadataReader {
  readonly #limits: Required<Omit<MetadataReaderOptions, 'script'>>
  readonly #script: URL
  #thread: Worker | null = null
  /** The thread's messages, and null for its end, go to whoever asks it. */
  #onMessage: (message: FromThread | null) => void = () => undefined
  #turn: Promise<unknown> = Promise.resolve()
  #waitingCount = 0
  #idle: NodeJS.Timeout | undefined
  #isClosed = false

  constructor({ script, ...limits }: MetadataReaderOptions = {}) {
    this.#limits = { ...defaults, ...limits }
    this.#script = script ?? new URL('./metadata-thread.js', import.meta.url)
  }

  /** @throws OVERLOADED, and what `read` throws */
  async readMetadata(file: ReadableFile, signal: AbortSignal): Promise<MetadataResult> {
    const answer = await this.#inTurn(() => this.#ask('metadata', file), signal)
    return answer?.kind === 'metadata' ? answer.result : tooMuch
  }

  /** @returns the embedded picture, or null where there is none that can be read. @throws as `readMetadata` */
  async readCover(file: ReadableFile, signal: AbortSignal): Promise<Cover | null> {
    const answer = await this.#inTurn(() => this.#ask('cover', file), signal)
    return answer?.kind === 'cover' ? answer.cover : null
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#endThread()
  }

  async #inTurn<Result>(work: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
    if (this.#waitingCount >= MAX_WAITING) throw new StoreError('OVERLOADED', 'too many audio files wait to be read')
    this.#waitingCount++
    const askedAt = performance.now()
    const before = this.#turn
    let end: () => void = () => undefined
    this.#turn = new Promise<void>((resolve) => {
      end = resolve
    })
    try {
      await before
      if (signal.aborted) throw new StoreError('CANCELLED')
      if (performance.now() - askedAt > this.#limits.turnMs)
        throw new StoreError('OVERLOADED', 'too many audio files wait to be read')
      return await work()
    } finally {
      this.#waitingCount--
      end()
    }
  }

  /** @returns null where the thread ended over it */
  async #ask(wanted: 'metadata' | 'cover', file: ReadableFile): Promise<Answer | null> {
    clearTimeout(this.#idle)
    if (this.#isClosed) throw new StoreError('CANCELLED')
    const thread = this.#thread ?? this.#startThread()
    this.#thread = thread
    // A part of a larger buffer would take all of that along, and belongs to somebody else, so the thread gets a copy.
    const tell = (message: ToThread, copy: Uint8Array<ArrayBuffer> | null): void =>
      thread.postMessage(message, copy === null ? [] : [copy.buffer])
    let problem: unknown
    let isOver = false
    let pause: () => void = () => undefined
    const answer = await new Promise<Answer | null>((resolve) => {
      const whole = new Allowance(this.#limits.fileMs, () => resolve(null))
      const fetching = new Allowance(this.#limits.fetchMs, () => {
        problem = new StoreError('OVERLOADED', 'the bytes of an audio file come too slowly for its metadata to be read')
        resolve(null)
      })
      let step = new Allowance(this.#limits.stepMs, () => resolve(null))
      pause = () => {
        for (const allowance of [whole, fetching, step]) allowance.pause()
      }
      const compute = (): void => {
        pause()
        step = new Allowance(this.#limits.stepMs, () => resolve(null))
        step.run()
        whole.run()
      }
      this.#onMessage = (message) => {
        if (message?.kind !== 'fetch') return resolve(message)
        const { id, start, end } = message
        const send = (bytes: Buffer | null): void => {
          if (isOver) return
          const copy = bytes && new Uint8Array(bytes)
          tell({ kind: 'bytes', id, bytes: copy }, copy)
          compute()
        }
        pause()
        fetching.run()
        file.read(start, end).then(send, (error: unknown) => {
          problem ??= error
          send(null)
        })
      }
      compute()
      const head = new Uint8Array(file.head)
      tell({ kind: 'work', wanted, size: file.size, head }, head)
    })
    isOver = true
    this.#onMessage = () => undefined
    pause()
    if (answer === null) await this.#endThread()
    else this.#idle = setTimeout(() => void this.#endThread(), this.#limits.idleMs).unref()
    if (problem !== undefined) throw problem
    return answer
  }

  #startThread(): Worker {
    const thread = new Worker(this.#script, {
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB, maxYoungGenerationSizeMb: 4 },
    })
    const isCurrent = (): boolean => this.#thread === thread
    thread.on('message', (message: FromThread) => isCurrent() && this.#onMessage(message))
    thread.on('error', () => isCurrent() && this.#onMessage(null))
    thread.on('exit', () => isCurrent() && this.#onMessage(null))
    thread.unref()
    return thread
  }

  async #endThread(): Promise<void> {
    clearTimeout(this.#idle)
    const thread = this.#thread
    this.#thread = null
    await thread?.terminate()
  }
}
