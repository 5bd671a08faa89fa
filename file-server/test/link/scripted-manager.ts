import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fromWireError, StoreError, type WireError } from '@holdfast/shared/errors/store-error'
import type { ClusterId } from '@holdfast/shared/ids'
import { isProof, makeProof, type Transcript } from '@holdfast/shared/node/handshake-proof'
import { type CommandTable, managerCommands } from '@holdfast/shared/wire/commands'
import { decodeGroup, encodeGroup } from '@holdfast/shared/wire/group'
import { FILE_SERVER_NAMESPACE, PROTOCOL_VERSION } from '@holdfast/shared/wire/protocol'
import type { Challenge, Heartbeat, Hello } from '@holdfast/shared/wire/shapes'
import { Server, type Socket } from 'socket.io'
import { vi } from 'vitest'

export const SECRET = 'a secret of this test'
export const CLUSTER = 'c1c1c1c1c1c1c1c1' as ClusterId

interface Waiting {
  readonly resolve: (ack: Record<string, unknown>) => void
  readonly reject: (error: StoreError) => void
}

/** A connection that a file-server dialled, with what it said of itself. It sends as a command whatever a test says. */
export class Dialled {
  readonly socket: Socket
  readonly hello: Hello
  readonly #waiting = new Map<unknown, Waiting>()
  #nextId = Math.floor(Math.random() * 2 ** 40)

  constructor(socket: Socket) {
    this.socket = socket
    this.hello = socket.handshake.auth as unknown as Hello
    socket.on('acks', (group: unknown) => {
      for (const { head, bytes } of decodeGroup(group)) {
        const [id, error, result] = head as [number, unknown, object]
        if (error === null) this.#waiting.get(id)?.resolve({ ...result, ...(bytes && { bytes }) })
        else this.#waiting.get(id)?.reject(fromWireError(error))
      }
    })
    socket.on('disconnect', () => {
      for (const { reject } of this.#waiting.values()) reject(new StoreError('LINK_LOST'))
    })
  }

  /** @param args are the argument and, where the command carries some, bytes; a test may send others. */
  call(event: string, ...args: unknown[]): Promise<Record<string, unknown>> {
    const id = this.#nextId++
    const table: CommandTable = managerCommands
    return new Promise<Record<string, unknown>>((resolve, reject) => {
      const timer = setTimeout(() => reject(new StoreError('DEADLINE_EXCEEDED')), 10_000)
      const ended = (settle: () => void): void => {
        clearTimeout(timer)
        settle()
      }
      this.#waiting.set(id, {
        resolve: (ack) => ended(() => resolve(ack)),
        reject: (error) => ended(() => reject(error)),
      })
      if (!this.socket.connected) this.#waiting.get(id)?.reject(new StoreError('LINK_LOST'))
      const [argument, bytes] = args
      if (table[event]?.isGrouped)
        this.socket.emit(
          'commands',
          encodeGroup([{ head: [id, event, argument], bytes: bytes instanceof Uint8Array ? bytes : null }]),
        )
      else this.socket.emit(event, id, ...args)
    }).finally(() => this.#waiting.delete(id))
  }

  /** Acknowledges a command of the file-server, or refuses it. */
  acknowledge(id: unknown, error: WireError | null = null): void {
    this.socket.emit('acks', encodeGroup([{ head: [id, error, {}], bytes: null }]))
  }

  /** @returns the name and detail of the error with which the file-server refuses a command. */
  async refusal(event: string, ...args: unknown[]): Promise<{ name: string; detail?: string | undefined }> {
    const error = await this.call(event, ...args).then(
      () => undefined,
      (thrown: { name: string; detail?: string }) => thrown,
    )
    if (error === undefined) throw new Error(`${event} was not refused`)
    return { name: error.name, detail: error.detail }
  }
}

export interface ManagerScript {
  readonly secret?: string
  readonly clusterId?: ClusterId
  readonly managerId?: string
  readonly port?: number
  /** The welcome tells these addresses. */
  readonly managers?: readonly string[]
  /** If this is false, connections are left alone and the test says what comes. */
  readonly admits?: boolean
}

/** The manager's end of the wire is a real Socket.IO server that does what a test says. */
export class ScriptedManager implements AsyncDisposable {
  readonly url: string
  readonly dialled: Dialled[] = []
  /** These have been welcomed. */
  readonly admitted: Dialled[] = []
  readonly heartbeats: Heartbeat[] = []
  readonly refusals: string[] = []
  readonly #io: Server

  private constructor(http: HttpServer, script: ManagerScript) {
    this.url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
    this.#io = new Server(http, { transports: ['websocket'], maxHttpBufferSize: 2 * 1024 * 1024 })
    this.#io.of(FILE_SERVER_NAMESPACE).on('connection', (socket) => {
      const dialled = new Dialled(socket)
      socket.on('heartbeat', (id: number, heartbeat: Heartbeat) => {
        this.heartbeats.push(heartbeat)
        dialled.acknowledge(id)
      })
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

  /** @returns the connection that was dialled as number `count`, as soon as it is there. */
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
