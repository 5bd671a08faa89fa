import { randomBytes, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { rename, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Logger } from '@holdfast/shared/node/logger'
import { type Command, command } from '../commands/command.ts'
import type { Ui } from '../commands/peer-deps.ts'
import { PeerError, reasonOf } from '../peer-error.ts'
import { CONTROL_FILE, type ControlMessage } from './control-messages.ts'

const MAX_BODY_BYTES = 256 * 1024
const MAX_COMMANDS = 20
const ALIVE_EVERY_MS = 30_000

export interface ControlDeps {
  readonly directory: string
  readonly run: (wanted: Command, ui: Ui, signal: AbortSignal) => Promise<void>
  readonly log: Logger
}

/** Takes commands from other processes of the same user, on this machine alone. */
export class ControlServer {
  readonly #server: Server
  readonly #directory: string

  private constructor(server: Server, directory: string) {
    this.#server = server
    this.#directory = directory
  }

  static async open(deps: ControlDeps): Promise<ControlServer> {
    const token = randomBytes(32).toString('hex')
    let running = 0
    const server = createServer((request, response) => {
      if (!isAllowed(request, token)) return refuse(response, 401)
      if (running >= MAX_COMMANDS) return refuse(response, 503)
      running += 1
      void answer(deps, request, response).finally(() => {
        running -= 1
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const path = join(deps.directory, CONTROL_FILE)
    try {
      await writeFile(`${path}.new`, JSON.stringify({ port, token, pid: process.pid }), { mode: 0o600 })
      await rename(`${path}.new`, path)
    } catch (error) {
      server.close()
      throw new PeerError(`${path} cannot be written: ${reasonOf(error)}`)
    }
    return new ControlServer(server, deps.directory)
  }

  async close(): Promise<void> {
    await rm(join(this.#directory, CONTROL_FILE), { force: true })
    this.#server.close()
    this.#server.closeAllConnections()
  }
}

function isAllowed(request: IncomingMessage, token: string): boolean {
  const given = Buffer.from(request.headers.authorization ?? '')
  const expected = Buffer.from(`Bearer ${token}`)
  return request.method === 'POST' && given.length === expected.length && timingSafeEqual(given, expected)
}

function refuse(response: ServerResponse, status: number): void {
  response.writeHead(status, { connection: 'close' }).end()
}

async function answer({ run, log }: ControlDeps, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const gone = new AbortController()
  response.on('close', () => gone.abort())
  const send = (message: ControlMessage): void => {
    if (!response.destroyed) response.write(`${JSON.stringify(message)}\n`)
  }
  response.writeHead(200).flushHeaders()
  // Whoever waits hears something while a large file is hashed.
  const alive = setInterval(() => response.write('\n'), ALIVE_EVERY_MS)
  let failure: string | null = null
  try {
    const wanted = command.parse(JSON.parse(await readBody(request)))
    const ui: Ui = {
      print: (line) => send({ kind: 'print', line }),
      say: (line) => send({ kind: 'say', line }),
      progress: (title, progress) => send({ kind: 'progress', title, progress }),
    }
    await run(wanted, ui, gone.signal)
  } catch (error) {
    log.info({ reason: reasonOf(error) }, 'a command failed')
    failure = reasonOf(error)
  }
  clearInterval(alive)
  send({ kind: 'end', failure })
  response.end()
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    size += (chunk as Buffer).length
    if (size > MAX_BODY_BYTES) throw new Error('the command is too long')
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks).toString('utf8')
}
