const DEADLINE_MS = 15_000

/** A request that failed. `status` is 0 where no answer came. */
export class RequestError extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
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
export async function requestJson<T>(path: string, init: RequestInit = {}): Promise<T> {
  const deadline = AbortSignal.timeout(DEADLINE_MS)
  const signal = init.signal ? AbortSignal.any([init.signal, deadline]) : deadline
  let response: Response
  try {
    response = await fetch(path, { ...init, signal, headers: { Accept: 'application/json', ...init.headers } })
  } catch {
    throw new RequestError(0, 'The store cannot be reached')
  }
  const text = await response.text().catch(() => '')
  if (!response.ok) throw new RequestError(response.status, errorText(response.status, text))
  return JSON.parse(text) as T
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
