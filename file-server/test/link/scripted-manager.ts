import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ClusterId } from '@holdfast/shared/ids'
import { INLINE_MAX_BYTES } from '@holdfast/shared/limits'
import { isProof, makeProof, type Transcript } from '@holdfast/shared/node/handshake-proof'
import type { Challenge, Heartbeat, Hello } from '@holdfast/shared/wire/events'
import { GroupedCalls, type GroupSocket } from '@holdfast/shared/wire/grouped-calls'
import { Peer } from '@holdfast/shared/wire/peer'
import { FILE_SERVER_NAMESPACE, PROTOCOL_VERSION } from '@holdfast/shared/wire/protocol'
import { Server, type Socket } from 'socket.io'
import { vi } from 'vitest'

export const SECRET = 'a secret of this test'
export const CLUSTER = 'c1c1c1c1c1c1c1c1' as ClusterId

/** One dialled connection of a file-server, with what it said of itself. */
export class Dialled {
  readonly socket: Socket
  readonly hello: Hello
  readonly peer: Peer
  readonly grouped: GroupedCalls

  constructor(socket: Socket) {
    this.socket = socket
    this.hello = socket.handshake.auth as unknown as Hello
    this.peer = new Peer(socket)
    this.grouped = new GroupedCalls(socket as GroupSocket)
  }

  call(event: string, ...args: unknown[]): Promise<Record<string, unknown>> {
    if (isOfGroups(event, args)) return this.#callGrouped(event, args)
    const [argument, ...rest] = args
    const isOpening = event === 'upload-file' && typeof argument === 'object'
    return this.peer.call(event, isOpening ? [{ partKey: null, ...argument }, ...rest] : args, { deadlineMs: 10_000 })
  }

  async #callGrouped(event: string, args: readonly unknown[]): Promise<Record<string, unknown>> {
    const [{ streamId: _, ...argument } = {}, bytes] = args as [{ streamId?: string }?, unknown?]
    if (event === 'download-file') for (const name of ['requestId', 'isRaw']) Reflect.deleteProperty(argument, name)
    const ack = await this.grouped.call(event, argument, bytes instanceof Uint8Array ? bytes : null, 10_000)
    return { ...ack.result, bytes: ack.bytes }
  }

  /** The name of the error that a command is refused with, and its detail. */
  async refusal(event: string, ...args: unknown[]): Promise<{ name: string; detail?: string | undefined }> {
    const error = await this.call(event, ...args).then(
      () => undefined,
      (thrown: { name: string; detail?: string }) => thrown,
    )
    if (error === undefined) throw new Error(`${event} was not refused`)
    return { name: error.name, detail: error.detail }
  }
}

/** Whether a command travels in groups, as a manager sends it: small bodies do. */
function isOfGroups(event: string, args: readonly unknown[]): boolean {
  const [argument, bytes = null] = args as [{ length?: unknown }?, unknown?]
  if (event === 'upload-file') return bytes !== null
  if (event === 'download-file') return typeof argument?.length !== 'number' || argument.length <= INLINE_MAX_BYTES
  return event === 'delete-file'
}

export interface ManagerScript {
  readonly secret?: string
  readonly clusterId?: ClusterId
  readonly managerId?: string
  readonly port?: number
  /** Addresses told in the welcome. */
  readonly managers?: readonly string[]
  /** false: connections are left alone, the test says what comes. */
  readonly admits?: boolean
}

/** The manager's end of the wire: a real Socket.IO server that does what a test says. */
export class ScriptedManager implements AsyncDisposable {
  readonly url: string
  readonly dialled: Dialled[] = []
  /** Those that have been welcomed. */
  readonly admitted: Dialled[] = []
  readonly heartbeats: Heartbeat[] = []
  readonly refusals: string[] = []
  readonly #io: Server

  private constructor(http: HttpServer, script: ManagerScript) {
    this.url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
    this.#io = new Server(http, { transports: ['websocket'], maxHttpBufferSize: 2 * 1024 * 1024 })
    this.#io.of(FILE_SERVER_NAMESPACE).on('connection', (socket) => {
      const dialled = new Dialled(socket)
      socket.on('heartbeat', (heartbeat: Heartbeat) => this.heartbeats.push(heartbeat))
      this.dialled.push(dialled)
      if (script.admits !== false)
        this.admit(dialled, script).catch((error: Error) => {
          this.refusals.push(error.name)
          socket.disconnect(true)
        })
    })
  }

  static async start(script: ManagerScript = {}): Promise<ScriptedManager> {
    const http = createServer()
    http.listen(script.port ?? 0, '127.0.0.1')
    await once(http, 'listening')
    return new ScriptedManager(http, script)
  }

  get port(): number {
    return Number(new URL(this.url).port)
  }

  async admit(dialled: Dialled, script: ManagerScript = {}): Promise<void> {
    const { challenge, transcript } = challengeFor(dialled.hello, script)
    const { proof } = await dialled.call('challenge', challenge)
    if (!isProof(String(proof), script.secret ?? SECRET, 'file-server', transcript)) throw new Error('no proof')
    await dialled.call('welcome', { managers: script.managers ?? [] })
    this.admitted.push(dialled)
  }

  /** The connection number `count` that was dialled, as soon as it is there. */
  async connection(count = 1, list: Dialled[] = this.dialled): Promise<Dialled> {
    return vi.waitFor(() => {
      const found = list[count - 1]
      if (found === undefined) throw new Error(`no connection ${count}`)
      return found
    }, 15_000)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#io.disconnectSockets(true)
    await this.#io.close()
  }
}

export function challengeFor(
  hello: Hello,
  script: ManagerScript = {},
  role: 'manager' | 'file-server' = 'manager',
): { challenge: Challenge; transcript: Transcript } {
  const transcript: Transcript = {
    protocol: PROTOCOL_VERSION,
    serverId: hello.serverId,
    bootId: hello.bootId,
    serverNonce: hello.nonce,
    managerId: script.managerId ?? 'abababababababab',
    managerNonce: randomBytes(16).toString('hex'),
    clusterId: script.clusterId ?? CLUSTER,
  }
  const proof = makeProof(script.secret ?? SECRET, role, transcript)
  const { protocol, managerId, managerNonce, clusterId } = transcript
  return {
    challenge: { protocol, managerId, clusterId: clusterId as ClusterId, nonce: managerNonce, proof },
    transcript,
  }
}
