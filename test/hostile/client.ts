import { connect } from 'node:net'

/** A client does not wait for an answer longer than this. */
const ANSWER_DEADLINE_MS = 15_000

/** A raw connection got this status, or its end without one. */
export interface RawAnswer {
  readonly status: number | 'closed' | 'no answer'
  readonly headers: string
  readonly body: Buffer
}

/** Any of these answers is right: a number is a status, and `refused` is any of 400 to 499, or the connection's end. */
export type Expected = readonly (number | 'refused')[]

export interface HostileInput {
  /** The report of a failure has it. */
  readonly what: string
  readonly bytes: Buffer
  readonly expected: Expected
  /** The client ends its side after the bytes, so what it announced will never come. */
  readonly isCutOff?: boolean
  /** A legal file has these bytes, which have to be stored as they are. */
  readonly stores?: Buffer
}

export function isExpected(answer: RawAnswer, expected: Expected): boolean {
  const { status } = answer
  return expected.some((wanted) => {
    if (wanted !== 'refused') return status === wanted
    return status === 'closed' || (typeof status === 'number' && status >= 400 && status < 500)
  })
}

/** Sends the bytes on a connection of their own, and waits for one whole answer or for the connection's end. */
export function exchange(
  port: number,
  { bytes, isCutOff }: Pick<HostileInput, 'bytes' | 'isCutOff'>,
): Promise<RawAnswer> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    const isHead = bytes.subarray(0, 5).toString('latin1') === 'HEAD '
    let received = Buffer.alloc(0)
    const finish = (end: 'closed' | 'no answer'): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(parseAnswer(received, isHead) ?? { status: end, headers: received.toString('latin1'), body: received })
    }
    const timer = setTimeout(() => finish('no answer'), ANSWER_DEADLINE_MS)
    socket.on('data', (data) => {
      received = Buffer.concat([received, data])
      if (parseAnswer(received, isHead) !== null) finish('closed')
    })
    // An error is a connection reset or a write after its end: the other side has closed it.
    socket.on('error', () => finish('closed'))
    socket.on('end', () => finish('closed'))
    socket.on('close', () => finish('closed'))
    if (isCutOff === true) socket.end(bytes)
    else socket.write(bytes)
  })
}

/** @returns the first final answer, or null while it is not complete. */
function parseAnswer(received: Buffer, isHead: boolean): RawAnswer | null {
  const end = received.indexOf('\r\n\r\n')
  if (end < 0) return null
  const headers = received.subarray(0, end).toString('latin1')
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(headers)?.[1] ?? Number.NaN)
  if (status === 100) return parseAnswer(received.subarray(end + 4), isHead)
  const length = isHead || status === 304 ? 0 : Number(/\r\ncontent-length: (\d+)/i.exec(headers)?.[1] ?? 0)
  const body = received.subarray(end + 4, end + 4 + length)
  return body.length === length ? { status, headers, body } : null
}

/** @returns a request whose length is told as it is */
export function post(body: Buffer | string, contentType: string | null, more: readonly string[] = []): Buffer {
  const bytes = Buffer.from(body)
  const type = contentType === null ? [] : [`Content-Type: ${contentType}`]
  const lines = ['POST /file HTTP/1.1', 'Host: 127.0.0.1', ...type, `Content-Length: ${bytes.length}`, ...more]
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), bytes])
}

/** @param target goes out as it is, a byte a character. */
export function bodiless(method: string, target: string, more: readonly string[] = []): Buffer {
  return Buffer.from(`${[`${method} ${target} HTTP/1.1`, 'Host: 127.0.0.1', ...more].join('\r\n')}\r\n\r\n`, 'latin1')
}
