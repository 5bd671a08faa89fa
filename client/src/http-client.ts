import { hasErrorName, StoreError } from '@holdfast/shared/errors/store-error'
import { errorFromAnswer } from './answer-error.ts'
import { IdleWatch } from './idle-watch.ts'
import { pause } from './pause.ts'
import { parseRetryAfter, planRetry, type RetryLimits } from './retry-policy.ts'
import { type RequestBody, SourceError } from './upload-body.ts'

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** Is called for every attempt. The request opens when it resolves. */
  readonly body?: (watch: IdleWatch) => Promise<RequestBody>
  readonly canSendAgain: boolean
  /** Says in the words of the caller's method what the manager answered. */
  readonly reword?: (error: StoreError) => StoreError
  readonly signal?: AbortSignal | undefined
}

export interface HttpAnswer {
  readonly response: Response
  /** It runs while the body is read; whoever reads the body disposes of it. */
  readonly watch: IdleWatch
  readonly explain: (thrown: unknown) => StoreError
}

export interface HttpLimits {
  /** A request on which nothing moves for this long is ended. */
  readonly idleTimeoutMs: number
  readonly retry: RetryLimits
}

/** Sends requests until one is answered with success, or is not worth sending again. */
export class HttpClient {
  readonly #baseUrl: string
  readonly #limits: HttpLimits

  constructor(baseUrl: string, limits: HttpLimits) {
    this.#baseUrl = baseUrl.replace(/\/+$/, '')
    this.#limits = limits
  }

  /** @throws StoreError, also for an answer other than 2xx. */
  async send(request: HttpRequest): Promise<HttpAnswer> {
    for (let attempt = 0; ; attempt += 1) {
      const answer = await this.#attempt(request)
      if (answer.response.ok) return answer
      const { error, retryAfterMs } = await readError(answer)
      const { canSendAgain, signal } = request
      const delayMs = planRetry({ attempt, error, retryAfterMs, canSendAgain }, this.#limits.retry, Math.random())
      if (delayMs === null) {
        const told = request.reword?.(error) ?? error
        throw attempt === 0 ? told : explainRepeated(told)
      }
      await pause(delayMs, signal)
    }
  }

  async text(request: HttpRequest): Promise<string> {
    const { response, watch, explain } = await this.send(request)
    using _ = watch
    return await response.text().catch((thrown: unknown) => {
      throw explain(thrown)
    })
  }

  async json(request: HttpRequest): Promise<unknown> {
    const text = await this.text(request)
    try {
      return JSON.parse(text)
    } catch (cause) {
      throw new StoreError('INTERNAL', `${this.#baseUrl} does not answer in JSON: is it a Holdfast manager?`, { cause })
    }
  }

  async #attempt({ method, path, headers, body, signal }: HttpRequest): Promise<HttpAnswer> {
    const watch = new IdleWatch(this.#limits.idleTimeoutMs, signal)
    const explain = (thrown: unknown): StoreError => this.#explain(thrown, watch, signal)
    try {
      const sent = await body?.(watch)
      if (sent instanceof Uint8Array) watch.awaitAnswer(sent.length)
      // Nothing tells how far a blob is, and it may take hours.
      if (sent instanceof Blob) watch.pause()
      const response = await fetch(this.#baseUrl + path, {
        method,
        signal: watch.signal,
        ...(headers === undefined ? {} : { headers }),
        ...(sent === undefined ? {} : { body: sent, duplex: 'half' }),
      })
      watch.touch()
      return { response, watch, explain }
    } catch (thrown) {
      watch[Symbol.dispose]()
      throw sourceFailure(thrown) ?? explain(thrown)
    }
  }

  #explain(thrown: unknown, watch: IdleWatch, signal: AbortSignal | undefined): StoreError {
    if (thrown instanceof StoreError) return thrown
    if (signal?.aborted) return new StoreError('CANCELLED', undefined, { cause: signal.reason })
    const seconds = watch.runningMs / 1000
    const reason = watch.hasExpired ? `nothing came for ${seconds} s` : reasonOf(thrown)
    return new StoreError('SERVERS_UNAVAILABLE', `no answer from ${this.#baseUrl} (${reason})`, { cause: thrown })
  }
}

async function readError({ response, watch, explain }: HttpAnswer) {
  using _ = watch
  const body = await response.text().catch((thrown: unknown) => {
    throw explain(thrown)
  })
  const retryAfterMs = parseRetryAfter(response.headers.get('retry-after'), Date.now())
  return { error: errorFromAnswer(response.status, body), retryAfterMs }
}

/** An answer such as 503 says that the request failed, yet its effect may be there all the same. */
function explainRepeated(error: StoreError): StoreError {
  if (!hasErrorName(error, 'FILE_EXISTS', 'FILE_NOT_FOUND', 'PRECONDITION_FAILED')) return error
  return new StoreError(error.name, 'an earlier attempt of this request may have been carried out', { cause: error })
}

/** fetch wraps what the source threw in a chain of causes, in which this finds it. */
function sourceFailure(thrown: unknown): unknown {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    if (error instanceof SourceError) return error.cause
  }
  return undefined
}

function reasonOf(thrown: unknown): string {
  let innermost = thrown
  while (innermost instanceof Error && innermost.cause instanceof Error) innermost = innermost.cause
  if (!(innermost instanceof Error)) return String(innermost)
  if (innermost.message === 'bad port') return 'fetch refuses this port, as browsers do: give the manager another one'
  return 'code' in innermost && typeof innermost.code === 'string' ? innermost.code : innermost.message
}
