import type { FileDescription } from './answers.ts'
import { errorText, requestJson, retryAfterMsOf } from './request.ts'

/** An upload that has not moved for so long is taken for cut. */
const STALL_MS = 30_000
/** Once all bytes are sent the store makes them durable. */
const ANSWER_MS = 180_000
/** The store takes no longer name. */
const MAX_NAME_BYTES = 255

/** Every way in tells this of a file that it has stored. */
export type StoredFile = Pick<FileDescription, 'id' | 'name' | 'url'>

/** There are two ways in: `POST /upload` gives any file a link, and `POST /post` takes only audio. */
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

/** Says what is to be sent. The link is the page's own, so that the file is found where the answer is lost. */
export interface FileToSend {
  readonly file: File
  readonly name: string
  readonly link: string
  readonly expires: string
}

/**
 * Names that `/post` stores are unique, so a file keeps its folders: albums have equal names of tracks. Names of shares are labels.
 * @param inFolder the file's path in what was dropped
 * @returns its end, with as many whole folders as a name has place for
 */
export function nameFor(path: UploadPath, inFolder: string): string {
  const segments = inFolder.split('/')
  const own = segments.pop() ?? inFolder
  let name = own
  for (const folder of path === '/post' ? segments.reverse() : []) {
    if (new TextEncoder().encode(`${folder}/${name}`).length > MAX_NAME_BYTES) break
    name = `${folder}/${name}`
  }
  return name
}

/** Makes a link of 128 random bits, also where the page came over plain HTTP. */
export function makeLink(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** @returns the file that an attempt has stored whose answer was lost, or null where that is not known */
export async function findSent<Stored extends StoredFile>(
  path: UploadPath,
  { link }: FileToSend,
  signal: AbortSignal,
): Promise<Stored | null> {
  if (path !== '/upload') return null
  return requestJson<Stored>(`/files/${link}`, { signal }).catch(() => null)
}

/** Sends a file. It goes by XMLHttpRequest, because fetch does not tell how much has been sent. */
export function sendFile<Stored extends StoredFile>(
  path: UploadPath,
  { file, name, link, expires }: FileToSend,
  onProgress: (sentBytes: number) => void,
  signal: AbortSignal,
): Promise<SendOutcome<Stored>> {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest()
    const query = new URLSearchParams({
      name,
      ...(path === '/upload' && { link }),
      ...(expires !== '' && { expires }),
    })
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
