import type { PutContext } from '../../files/put-file.ts'
import type { RequestState } from '../../http/request-context.ts'

/** Goes with an upload: who waits for it, and how its body is ended before its client has sent it all. */
export class UploadContext implements PutContext {
  readonly requestId: string
  /** The body is read on behalf of it. Its signal is asked for only where there is something to wait for. */
  readonly reader: { readonly signal: AbortSignal }
  readonly #client: RequestState
  readonly #stop: () => void

  constructor(client: RequestState) {
    this.requestId = client.requestId
    this.#client = client
    let stopped: AbortController | undefined
    let either: AbortSignal | undefined
    this.reader = {
      get signal() {
        stopped ??= new AbortController()
        either ??= AbortSignal.any([client.signal, stopped.signal])
        return either
      },
    }
    this.#stop = () => {
      stopped ??= new AbortController()
      stopped.abort()
    }
  }

  /** It fires when the client hangs up. */
  get signal(): AbortSignal {
    return this.#client.signal
  }

  stopReading(): void {
    this.#stop()
  }
}
