import { createHash } from 'node:crypto'
import { Agent, type IncomingMessage, request } from 'node:http'

/** A client gives up on an answer after this. */
const DEADLINE_MS = 15_000

export interface LightAnswer {
  /** The status is 0 where no answer came, or one that broke off. */
  readonly status: number
  /** Nobody listened, so nothing was sent. */
  readonly isUnsent?: boolean
  readonly sha256: string
  readonly sizeBytes: number
  /** The ETag holds the digest; '' stands for none. */
  readonly etag: string
  /** Where what was created is found. */
  readonly location?: string
}

export interface Sending {
  readonly method: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Buffer
}

const noAnswer: LightAnswer = { status: 0, sha256: '', sizeBytes: 0, etag: '' }

/**
 * This HTTP client costs little beside the system under test, because it keeps connections, and hashes bodies without
 * keeping them.
 */
export class LightClient implements Disposable {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 256 })

  upload(url: string, filename: string, bytes: Buffer, query = ''): Promise<LightAnswer> {
    const body = Buffer.from(`{"filename":${JSON.stringify(filename)},"file":"${bytes.toString('base64')}"}`)
    return this.ask(url, {
      method: 'POST',
      path: `/file${query}`,
      headers: { 'content-type': 'application/json' },
      body,
    })
  }

  /** @param name is a file's name, or the path of its link */
  download(url: string, name: string, headers: Readonly<Record<string, string>> = {}): Promise<LightAnswer> {
    return this.ask(url, { method: 'GET', path: pathOf(name), headers })
  }

  /** @param name is a file's name, or the path of its link */
  remove(url: string, name: string): Promise<LightAnswer> {
    return this.ask(url, { method: 'DELETE', path: pathOf(name).replace(LINK, '/files/') })
  }

  [Symbol.dispose](): void {
    this.#agent.destroy()
  }

  ask(url: string, { method, path, headers, body }: Sending): Promise<LightAnswer> {
    return new Promise((resolve) => {
      const length = body === undefined ? {} : { 'content-length': body.length }
      const sent = request(`${url}${path}`, { method, headers: { ...headers, ...length }, agent: this.#agent })
      const timer = setTimeout(() => sent.destroy(new Error('late')), DEADLINE_MS)
      const settle = (answer: LightAnswer): void => {
        clearTimeout(timer)
        resolve(answer)
      }
      // No answer is an answer of its own kind: the history says what it means.
      sent.on('error', (error) => {
        settle('code' in error && error.code === 'ECONNREFUSED' ? { ...noAnswer, isUnsent: true } : noAnswer)
      })
      sent.on('response', (response) => readAnswer(response, settle))
      sent.end(body)
    })
  }
}

function readAnswer(response: IncomingMessage, settle: (answer: LightAnswer) => void): void {
  const hash = createHash('sha256')
  let sizeBytes = 0
  response.on('data', (bytes: Buffer) => {
    hash.update(bytes)
    sizeBytes += bytes.length
  })
  response.on('error', () => settle(noAnswer))
  response.on('close', () => {
    if (!response.complete) return settle(noAnswer)
    const etag = /^"([0-9a-f]{64})"$/.exec(response.headers.etag ?? '')?.[1] ?? ''
    const { location } = response.headers
    const answer = { status: response.statusCode ?? 0, sha256: hash.digest('hex'), sizeBytes, etag }
    settle({ ...answer, ...(location !== undefined && { location }) })
  })
}

const LINK = /^\/download\//

function pathOf(name: string): string {
  return LINK.test(name) ? name : `/file/${encodeURIComponent(name)}`
}
