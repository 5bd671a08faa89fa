import { hash } from 'node:crypto'
import { type Answer, request } from './http.ts'

/** `POST /upload` and the routes below `/files` describe a file like this. */
export interface Described {
  readonly id: string
  readonly name: string
  readonly size: number
  readonly etag: string
  readonly sha256: string
  readonly contentType: string
  readonly class: string
  readonly url: string
  readonly expiresAt: string | null
}

export const sha256 = (bytes: Uint8Array): string => hash('sha256', bytes)

export function jsonOf<T>({ body }: Answer): T {
  return JSON.parse(body.toString()) as T
}

/** Uploads bytes as they are, under a label. */
export async function share(baseUrl: string, name: string, bytes: Uint8Array, query = ''): Promise<Described> {
  const answer = await request(`${baseUrl}/upload?name=${encodeURIComponent(name)}${query}`, {
    method: 'POST',
    body: Buffer.from(bytes),
  })
  if (answer.status !== 201) throw new Error(answer.body.toString())
  return jsonOf(answer)
}

/** Stores bytes under a path, as `curl -T` does. */
export function put(baseUrl: string, path: string, bytes: Uint8Array, headers: Record<string, string> = {}) {
  return request(`${baseUrl}/file/${path}`, { method: 'PUT', body: Buffer.from(bytes), headers })
}
