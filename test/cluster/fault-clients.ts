import { connect, type Socket } from 'node:net'

export const KIB = 1024

/** @returns the bytes of an upload as they go over the wire */
export function uploadRequest(name: string, bytes: Buffer): Buffer {
  const body = JSON.stringify({ filename: name, file: bytes.toString('base64') })
  const head = ['POST /file HTTP/1.1', 'Host: localhost', 'Content-Type: application/json']
  return Buffer.from(`${head.join('\r\n')}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
}

/** Sends the first `sentBytes` of a request, then hangs up. Resolves when the connection is gone. */
export function sendAndHangUp(url: string, request: Buffer, sentBytes: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = dial(url)
    socket.on('close', () => resolve())
    socket.write(request.subarray(0, sentBytes), () => socket.resetAndDestroy())
  })
}

/** Takes `wantedBytes` of the answer to a download, then hangs up. */
export function readAndHangUp(url: string, name: string, wantedBytes: number): Promise<void> {
  return new Promise((resolve) => {
    let receivedBytes = 0
    const socket = dial(url)
    socket.on('close', () => resolve())
    socket.on('data', (bytes) => {
      receivedBytes += bytes.length
      if (receivedBytes >= wantedBytes) socket.resetAndDestroy()
    })
    socket.write(getRequest(name))
  })
}

/**
 * Each of these clients asks for a file several times on one connection and takes only the first line, so that the
 * first answer fills the kernel's buffers.
 */
export class IdleReaders implements Disposable {
  readonly #url: string
  readonly #sockets: Socket[] = []

  constructor(url: string) {
    this.#url = url
  }

  /** Adds a client. @returns the status of its first answer */
  add(name: string): Promise<number> {
    const socket = dial(this.#url)
    this.#sockets.push(socket)
    socket.write(getRequest(name).repeat(3))
    return new Promise((resolve, reject) => {
      socket.on('close', () => reject(new Error('closed without an answer')))
      const readStatus = (): void => {
        const head: Buffer | null = socket.read('HTTP/1.1 200'.length)
        if (head === null) return
        socket.off('readable', readStatus)
        resolve(Number(head.toString('latin1').slice(-3)))
      }
      socket.on('readable', readStatus)
    })
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets) socket.destroy()
  }
}

/** Sends the beginning of an upload at once and the rest at 1 KiB/s, until it is answered or hung up. */
export class SlowSender implements Disposable {
  readonly #socket: Socket
  readonly #timer: NodeJS.Timeout
  #text = ''

  constructor(url: string, path: string, { first, sizeBytes }: { first: Buffer; sizeBytes: number }) {
    const head = [`POST ${path} HTTP/1.1`, 'Host: localhost', `Content-Length: ${sizeBytes}`]
    this.#socket = dial(url)
    this.#socket.setEncoding('latin1').on('data', (text: string) => {
      this.#text += text
    })
    this.#socket.write(`${head.join('\r\n')}\r\n\r\n`)
    this.#socket.write(first)
    let leftBytes = sizeBytes - first.length
    this.#timer = setInterval(() => {
      const bytes = Buffer.alloc(Math.min(KIB, leftBytes), 'slow')
      leftBytes -= bytes.length
      if (this.#text === '' && this.#socket.writable && bytes.length > 0) this.#socket.write(bytes)
    }, 1_000)
  }

  /** Is the status and code of its answer, such as `503 17`; null while there is none. */
  get answer(): string | null {
    const status = /^HTTP\/1\.1 (\d+)/.exec(this.#text)?.[1]
    const code = /"code":(\d+)/.exec(this.#text)?.[1]
    return status !== undefined && code !== undefined ? `${status} ${code}` : null
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    this.#socket.destroy()
  }
}

function getRequest(name: string): string {
  return `GET /file/${encodeURIComponent(name)} HTTP/1.1\r\nHost: localhost\r\n\r\n`
}

function dial(url: string): Socket {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port) })
  // The other end may hang up first; `close` follows in any case.
  socket.on('error', () => socket.destroy())
  return socket
}
