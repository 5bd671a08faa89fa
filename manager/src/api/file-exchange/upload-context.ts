import type { PutContext } from '../../files/put-file.ts'
import type { RequestState } from '../../http/request-context.ts'

/** Goes with an upload: who waits for it, and how its body is ended before its client has sent it all. */
export class UploadContext implements PutContext {
  readonly requestId: string
  /** The body is read on behalf of it. */
  readonly reader: BodyReader
  readonly #client: RequestState

  constructor(client: RequestState) {
    this.requestId = client.requestId
    this.#client = client
    this.reader = new BodyReader(client)
  }

  /** It fires when the client hangs up. */
  get signal(): AbortSignal {
    return this.#client.signal
  }

  stopReading(): void {
    this.reader.stop()
  }
}

/** Its signal fires when the client hangs up or the reading is to end, and is made where there is something to wait for. */
class BodyReader {
  readonly #client: RequestState
  #stopped: AbortController | undefined
  #either: AbortSignal | undefined

  constructor(client: RequestState) {
    this.#client = client
  }

  get signal(): AbortSignal {
    this.#stopped ??= new AbortController()
    this.#either ??= AbortSignal.any([this.#client.signal, this.#stopped.signal])
    return this.#either
  }

  stop(): void {
    this.#stopped ??= new AbortController()
    this.#stopped.abort()
  }
}
