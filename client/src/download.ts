import { StoreError } from '@holdfast/shared/errors/store-error'
import { digestOfEtag } from './answers.ts'
import { completeBody } from './download-body.ts'
import type { HttpClient, HttpRequest } from './http-client.ts'

export interface Download {
  /**
   * The stream errors with a StoreError if it breaks off, so one that ends orderly has `sizeBytes`. Read it or cancel
   * it.
   */
  readonly stream: ReadableStream<Uint8Array>
  readonly sizeBytes: number
  readonly contentType: string
  readonly etag: string | null
  /**
   * Compare these 64 hex digits with the digest of what you read; they are null where the server does not send them.
   */
  readonly sha256: string | null
}

/** Begins a download, whose bytes are checked for being all of them. @throws what the manager answers */
export async function download(
  http: HttpClient,
  { path, headers, signal }: Pick<HttpRequest, 'path' | 'headers' | 'signal'>,
): Promise<Download> {
  const { response, watch, explain } = await http.send({
    method: 'GET',
    path,
    headers: { 'accept-encoding': 'identity', ...headers },
    canSendAgain: true,
    signal,
  })
  const length = response.headers.get('content-length')
  if (length === null || !/^\d+$/.test(length)) {
    watch[Symbol.dispose]()
    await response.body?.cancel()
    throw new StoreError('INTERNAL', 'the answer does not say how long the file is')
  }
  watch.pause()
  const etag = response.headers.get('etag')
  return {
    stream: completeBody(response.body, Number(length), watch, explain),
    sizeBytes: Number(length),
    contentType: response.headers.get('content-type') ?? 'application/octet-stream',
    etag,
    sha256: digestOfEtag(etag),
  }
}
