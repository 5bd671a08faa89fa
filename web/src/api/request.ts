const DEADLINE_MS = 15_000

/** Tells that a request failed. `status` is 0 where no answer came. */
export class RequestError extends Error {
  readonly status: number
  /** The store asks for such a pause before the next attempt. */
  readonly retryAfterMs: number | null

  constructor(status: number, message: string, retryAfterMs: number | null = null) {
    super(message)
    this.status = status
    this.retryAfterMs = retryAfterMs
  }
}

/** @param header is `Retry-After`, in seconds */
export function retryAfterMsOf(header: string | null): number | null {
  const seconds = Number(header)
  return seconds > 0 ? seconds * 1_000 : null
}

/** Says what an answer that is an error says, for people. */
export function errorText(status: number, body: string): string {
  try {
    const { message, detail } = JSON.parse(body) as { message?: unknown; detail?: unknown }
    if (typeof message === 'string') return typeof detail === 'string' ? `${message}: ${detail}` : message
  } catch {
    // A proxy may have answered.
  }
  return `The server answered with status ${status}`
}

/** @throws RequestError */
export async function requestText(path: string, init: RequestInit = {}): Promise<string> {
  // Browsers of 2023 cannot join signals (`AbortSignal.any`).
  const ending = new AbortController()
  const end = () => ending.abort()
  const timer = setTimeout(end, DEADLINE_MS)
  init.signal?.addEventListener('abort', end)
  if (init.signal?.aborted === true) end()
  let response: Response
  let text: string
  try {
    response = await fetch(path, { ...init, signal: ending.signal })
    text = await response.text()
  } catch {
    throw new RequestError(0, 'The store cannot be reached')
  } finally {
    clearTimeout(timer)
    init.signal?.removeEventListener('abort', end)
  }
  const { ok, status, headers } = response
  if (!ok) throw new RequestError(status, errorText(status, text), retryAfterMsOf(headers.get('Retry-After')))
  return text
}

/** @throws RequestError */
export async function requestJson<T>(path: string, init: RequestInit = {}): Promise<T> {
  return JSON.parse(await requestText(path, { ...init, headers: { Accept: 'application/json', ...init.headers } })) as T
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
