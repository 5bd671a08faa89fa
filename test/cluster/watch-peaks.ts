import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { peakBytes } from './process-measures.ts'

const POLL_MS = 50
/** What managers start: the decoder without ffmpeg is a process of Node. */
const programs: Readonly<Record<string, string>> = { node: 'decoder', ffmpeg: 'ffmpeg' }

/** Watches processes and whatever they start, which may end before anybody asks for it. */
export class PeakWatch implements AsyncDisposable {
  readonly #peaks = new Map<string, number>()
  readonly #stop = new AbortController()
  readonly #watching: Promise<void>

  /** @param watched processes by what they are called */
  constructor(watched: ReadonlyMap<number, string>) {
    this.#watching = this.#watch(watched)
  }

  /** @returns the most bytes of memory that any process of a name has held, by the name */
  get peaks(): ReadonlyMap<string, number> {
    return this.#peaks
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#watching
  }

  async #watch(watched: ReadonlyMap<number, string>): Promise<void> {
    while (!this.#stop.signal.aborted) {
      for (const [pid, name] of watched) {
        await this.#note(pid, name)
        for (const child of await childrenOf(pid)) {
          const program = await programOf(child)
          if (program !== null) await this.#note(child, program)
        }
      }
      await delay(POLL_MS, undefined, { signal: this.#stop.signal }).catch(() => undefined)
    }
  }

  /** A process that has just ended, or is only just begun, has nothing to note. */
  async #note(pid: number, name: string): Promise<void> {
    const bytes = await peakBytes(pid).catch(() => Number.NaN)
    if (bytes > (this.#peaks.get(name) ?? 0)) this.#peaks.set(name, bytes)
  }
}

/** A process of Node starts others from its first thread. */
async function childrenOf(pid: number): Promise<number[]> {
  const listed = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
  return listed.split(' ').filter(Boolean).map(Number)
}

/** @returns null for what is about to become another program, or has ended */
async function programOf(pid: number): Promise<string | null> {
  const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')
  return programs[name.trim()] ?? null
}
