import { createHash } from 'node:crypto'
import { History, type OperationKind } from './history.ts'
import { type LightAnswer, LightClient } from './light-client.ts'

/** A test says itself what this client asks and when, and the oracle gets what the client is told. */
export class RecordedClient implements Disposable {
  readonly history = new History()
  readonly #client = new LightClient()
  readonly #url: string

  constructor(url: string) {
    this.#url = url
  }

  upload(name: string, bytes: Buffer): Promise<number> {
    const sent = { sha256: createHash('sha256').update(bytes).digest('hex'), sizeBytes: bytes.length }
    return this.#record(name, 'upload', sent, 201, () => this.#client.upload(this.#url, name, bytes))
  }

  download(name: string): Promise<number> {
    return this.#record(name, 'download', null, 200, () => this.#client.download(this.#url, name))
  }

  remove(name: string): Promise<number> {
    return this.#record(name, 'delete', null, 200, () => this.#client.remove(this.#url, name))
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]()
  }

  /** @returns the status, 0 where no answer came */
  async #record(
    name: string,
    kind: OperationKind,
    sent: { sha256: string; sizeBytes: number } | null,
    success: number,
    ask: () => Promise<LightAnswer>,
  ): Promise<number> {
    const end = this.history.begin({ name, kind, sha256: null, sizeBytes: 0, ...sent })
    const { status, sha256, sizeBytes } = await ask()
    const isRefused = (status >= 400 && status < 500) || status === 507
    const outcome = status === success ? 'acked' : isRefused ? 'refused' : 'indeterminate'
    end({ outcome, status, ...(kind === 'download' && outcome === 'acked' && { sha256, sizeBytes }) })
    return status
  }
}
