import { createHash, randomBytes, randomInt } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { download, remove, upload } from './http.ts'

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** What a client knows of a file it sent: acknowledged, refused, or no answer came. */
export interface SentFile {
  readonly name: string
  readonly sha256: string
  outcome: 'acknowledged' | 'refused' | 'unknown' | 'deleted'
}

/** Clients that upload (and sometimes delete) without a pause, and remember what they were told. Outside of the system under test. */
export class UploadLoad {
  readonly sent: SentFile[] = []
  readonly #baseUrl: string
  readonly #prefix = randomBytes(4).toString('hex')
  readonly #loops: Promise<void>[]
  #isStopping = false

  constructor(baseUrl: string, clientCount: number, maxBytes: number) {
    this.#baseUrl = baseUrl
    this.#loops = Array.from({ length: clientCount }, (_, client) => this.#loop(client, maxBytes))
  }

  get acknowledged(): SentFile[] {
    return this.sent.filter((file) => file.outcome === 'acknowledged')
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    await Promise.all(this.#loops)
  }

  /** Reads every file back. @returns what contradicts the promises, one sentence each */
  async findBroken(): Promise<string[]> {
    const broken: string[] = []
    const waiting = [...this.sent]
    const check = async (): Promise<void> => {
      for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
        const { status, body } = await download(this.#baseUrl, file.name)
        const isWhole = status === 200 && sha256(body) === file.sha256
        if (file.outcome === 'acknowledged' && !isWhole) broken.push(`${file.name}: acknowledged, reads ${status}`)
        if (file.outcome === 'deleted' && status !== 404) broken.push(`${file.name}: deleted, reads ${status}`)
        if (status !== 404 && !isWhole) broken.push(`${file.name}: ${file.outcome}, reads ${status} with other bytes`)
      }
    }
    await Promise.all(Array.from({ length: 16 }, check))
    return broken
  }

  async #loop(client: number, maxBytes: number): Promise<void> {
    for (let index = 0; !this.#isStopping; index++) {
      const bytes = randomBytes(randomInt(maxBytes))
      const file: SentFile = { name: `${this.#prefix}/${client}/${index}`, sha256: sha256(bytes), outcome: 'unknown' }
      this.sent.push(file)
      try {
        const { status } = await upload(this.#baseUrl, file.name, bytes)
        file.outcome = status === 201 ? 'acknowledged' : status < 500 ? 'refused' : 'unknown'
        if (status === 201 && index % 10 === 9) {
          file.outcome = 'unknown'
          if ((await remove(this.#baseUrl, file.name)).status === 200) file.outcome = 'deleted'
        }
        if (status === 503) await delay(randomInt(20, 60))
      } catch {
        // No answer: the process was killed under it. What the client knows stays 'unknown'.
        await delay(randomInt(20, 60))
      }
    }
  }
}
