import type { FileDescription } from './answers.ts'
import { errorText, retryAfterMsOf } from './request.ts'

/** An upload that has not moved for so long is taken for cut. */
const STALL_MS = 30_000
/** Once all bytes are sent the store makes them durable. */
const ANSWER_MS = 180_000

/** What every way in tells of a file that it has stored. */
export type StoredFile = Pick<FileDescription, 'id' | 'name' | 'url'>

/** A way in: `POST /upload` gives any file a link, and `POST /post` takes only audio. */
export type UploadPath = '/upload' | '/post'

export type SendOutcome<Stored extends StoredFile> =
  | { readonly kind: 'stored'; readonly file: Stored }
  | {
      readonly kind: 'refused'
      readonly status: number
      readonly message: string
      readonly retryAfterMs: number | null
    }
  | { readonly kind: 'cut' }
  | { readonly kind: 'cancelled' }

/** Sends a file. It goes by XMLHttpRequest, because fetch does not tell how much has been sent. */
export function sendFile<Stored extends StoredFile>(
  path: UploadPath,
  file: File,
  expires: string,
  onProgress: (sentBytes: number) => void,
  signal: AbortSignal,
): Promise<SendOutcome<Stored>> {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest()
    const query = new URLSearchParams({ name: file.name, ...(expires !== '' && { expires }) })
    let timer = 0
    const expectWithin = (ms: number) => {
      clearTimeout(timer)
      timer = window.setTimeout(() => request.abort(), ms)
    }
    const finish = (outcome: SendOutcome<Stored>) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', cancel)
      resolve(outcome)
    }
    const cancel = () => request.abort()
    request.upload.onprogress = ({ loaded }) => {
      expectWithin(loaded >= file.size ? ANSWER_MS : STALL_MS)
      onProgress(Math.min(loaded, file.size))
    }
    request.onabort = () => finish({ kind: signal.aborted ? 'cancelled' : 'cut' })
    request.onerror = () => finish({ kind: 'cut' })
    request.onload = () => finish(outcomeOf(request))
    signal.addEventListener('abort', cancel)
    request.open('POST', `${path}?${query}`)
    request.setRequestHeader('Accept', 'application/json')
    // The store goes by the name's ending and the first bytes, never by this.
    request.setRequestHeader('Content-Type', 'application/octet-stream')
    expectWithin(STALL_MS)
    request.send(file)
    if (signal.aborted) cancel()
  })
}

function outcomeOf<Stored extends StoredFile>(request: XMLHttpRequest): SendOutcome<Stored> {
  const { status, responseText } = request
  if (status === 201) return { kind: 'stored', file: JSON.parse(responseText) as Stored }
  return {
    kind: 'refused',
    status,
    message: errorText(status, responseText),
    retryAfterMs: retryAfterMsOf(request.getResponseHeader('Retry-After')),
  }
}
