/** Uses the API as its original clients do, with base64 in JSON over plain HTTP. */

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Buffer
  /** Only an error body has a code; it is null for any other. */
  readonly code: number | null
}

export async function request(url: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, { signal: AbortSignal.timeout(120_000), ...init })
  const body = Buffer.from(await response.arrayBuffer())
  return { status: response.status, headers: response.headers, body, code: response.ok ? null : codeOf(body) }
}

export function upload(baseUrl: string, filename: string, bytes: Uint8Array): Promise<Answer> {
  return request(`${baseUrl}/file`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ filename, file: Buffer.from(bytes).toString('base64') }),
  })
}

export function download(baseUrl: string, filename: string): Promise<Answer> {
  return request(`${baseUrl}/file/${encodeURIComponent(filename)}`)
}

export function remove(baseUrl: string, filename: string): Promise<Answer> {
  return request(`${baseUrl}/file/${encodeURIComponent(filename)}`, { method: 'DELETE' })
}

/** @returns what came of an answer that broke off. @throws where it is complete */
export async function readBroken(url: string): Promise<Buffer> {
  const received: Buffer[] = []
  const response = await fetch(url)
  try {
    for await (const piece of response.body ?? []) received.push(Buffer.from(piece))
  } catch {
    return Buffer.concat(received)
  }
  throw new Error('the answer is complete')
}

function codeOf(body: Buffer): number | null {
  try {
    const { code } = JSON.parse(body.toString()) as { code?: unknown }
    return typeof code === 'number' ? code : null
  } catch {
    return null
  }
}
