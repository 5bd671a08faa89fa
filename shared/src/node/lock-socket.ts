import { lstat } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'

type OwnerAnswer =
  /** A process listens. Its id is null where it did not say it in time. */
  | { readonly kind: 'busy'; readonly pid: number | null }
  | { readonly kind: 'dead' }
  | { readonly kind: 'gone' }
  | { readonly kind: 'not-a-socket' }

const ANSWER_LIMIT_MS = 1_000
const MAX_ANSWER_BYTES = 200

/** Listens on a socket that tells everyone who connects which process has it, in one line of JSON. */
export async function listenAsOwner(path: string): Promise<Server> {
  const server = createServer((socket) => {
    socket.setTimeout(ANSWER_LIMIT_MS, () => socket.destroy())
    // A caller that hangs up early has learned what it wanted: somebody listens.
    socket.on('error', () => socket.destroy())
    socket.end(`${JSON.stringify({ pid: process.pid })}\n`)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, resolve)
  })
  return server.unref()
}

/** Asks whoever listens behind a lock's name. @throws errors other than the usual ends of a connection attempt */
export function askOwner(path: string): Promise<OwnerAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    let isConnected = false
    let text = ''
    const finish = (answer: OwnerAnswer): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(answer)
    }
    const timer = setTimeout(() => finish({ kind: 'busy', pid: null }), ANSWER_LIMIT_MS)
    socket.on('connect', () => {
      isConnected = true
    })
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1')
      if (text.includes('\n') || text.length > MAX_ANSWER_BYTES) finish({ kind: 'busy', pid: pidIn(text) })
    })
    socket.on('end', () => finish({ kind: 'busy', pid: pidIn(text) }))
    socket.on('error', (error) => {
      const code = 'code' in error ? error.code : undefined
      if (isConnected || code === 'EAGAIN') finish({ kind: 'busy', pid: null })
      // The owner closed its socket while we waited in its queue. Asking again tells what became of the name.
      else if (code === 'ENOENT' || code === 'ECONNRESET') finish({ kind: 'gone' })
      else if (code === 'ECONNREFUSED' || code === 'ENOTSOCK') resolveRefused(path).then(finish, reject)
      else {
        clearTimeout(timer)
        reject(error)
      }
    })
  })
}

/** A plain file refuses connections too, but it has no owner who could be dead. */
async function resolveRefused(path: string): Promise<OwnerAnswer> {
  try {
    return { kind: (await lstat(path)).isSocket() ? 'dead' : 'not-a-socket' }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return { kind: 'gone' }
    throw error
  }
}

function pidIn(line: string): number | null {
  const pid = Number(/^\{"pid":(\d{1,10})\}/.exec(line)?.[1])
  return Number.isInteger(pid) ? pid : null
}
