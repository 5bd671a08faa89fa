import { readdir, readFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'

export const KIB = 1024

/** File descriptors that a process has open. */
export async function openFiles(pid: number): Promise<number> {
  return (await readdir(`/proc/${pid}/fd`)).length
}

/** Bytes of memory that a process holds. */
export async function residentBytes(pid: number): Promise<number> {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]) * KIB
}

/** The bytes of an upload as they go over the wire. */
export function uploadRequest(name: string, bytes: Buffer): Buffer {
  const body = JSON.stringify({ filename: name, file: bytes.toString('base64') })
  const head = ['POST /file HTTP/1.1', 'Host: localhost', 'Content-Type: application/json']
  return Buffer.from(`${head.join('\r\n')}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
}

/** Sends the first `sentBytes` of a request and hangs up without a word. Resolves when the connection is gone. */
export function sendAndHangUp(url: string, request: Buffer, sentBytes: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = dial(url)
    socket.on('close', () => resolve())
    socket.write(request.subarray(0, sentBytes), () => socket.resetAndDestroy())
  })
}

/** Takes `wantedBytes` of the answer to a download and hangs up without a word. */
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

/** Clients that ask for a file, and take none of the answer but its first line. */
export class IdleReaders implements Disposable {
  readonly #sockets: Socket[] = []
  readonly statuses: number[] = []

  constructor(url: string, names: readonly string[]) {
    for (const name of names) {
      const socket = dial(url)
      this.#sockets.push(socket)
      socket.once('readable', () => {
        const head: Buffer | null = socket.read(12)
        this.statuses.push(Number(head?.toString('latin1').slice(9)))
      })
      socket.write(getRequest(name))
    }
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets) socket.destroy()
  }
}

function getRequest(name: string): string {
  return `GET /file/${encodeURIComponent(name)} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`
}

function dial(url: string): Socket {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port) })
  // The other end may hang up first; `close` follows in any case.
  socket.on('error', () => socket.destroy())
  return socket
}
