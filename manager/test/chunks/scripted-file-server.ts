import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ClusterId, CopyId, Digest, ServerId, Slot } from '@holdfast/shared/ids'
import { isProof, makeProof, type Transcript } from '@holdfast/shared/node/handshake-proof'
import { createLogger } from '@holdfast/shared/node/logger'
import { decodeGroup, encodeGroup } from '@holdfast/shared/wire/group'
import { FILE_SERVER_NAMESPACE, PROTOCOL_VERSION } from '@holdfast/shared/wire/protocol'
import type { Challenge, Heartbeat, Hello, NamedCopy } from '@holdfast/shared/wire/shapes'
import { io, type Socket } from 'socket.io-client'
import { afterEach, vi } from 'vitest'
import type { FileServerLink } from '../../src/chunks/links/file-server-link.ts'
import { SocketServer, type SocketServerDeps } from '../../src/chunks/links/socket-server.ts'
import { FileServerRegistry } from '../../src/chunks/registry.ts'

const SECRET = 'a secret of this test'
export const CLUSTER = 'c1c1c1c1c1c1c1c1' as ClusterId
const MANAGER = 'abababababababab'

export type Ack = (result: unknown) => void

export const newCopyId = (): CopyId => randomBytes(20).toString('hex') as CopyId
export const newServerId = (): ServerId => randomBytes(8).toString('hex') as ServerId
export const aCopy = (): NamedCopy => ({ copyId: newCopyId(), slot: 5 as Slot, sha256: 'cd'.repeat(32) as Digest })

export const aHeartbeat: Heartbeat = {
  copyCount: 3,
  sizeBytes: 300,
  freeBytes: 1e9,
  totalBytes: 2e9,
  isInventoryDone: true,
  isWritable: true,
}

/** Makes a scripted file-server misbehave in the handshake. */
export interface Script {
  readonly serverId?: ServerId
  readonly bootId?: string
  readonly name?: string
  /** It is the file-server's id unless given, so that each is a zone of its own. */
  readonly zone?: string
  readonly secret?: string
  readonly hello?: Record<string, unknown>
  readonly heartbeat?: unknown
  /** Takes the place of the ack that a challenge should have. */
  readonly onChallenge?: (challenge: Challenge, ack: Ack) => void
  readonly onWelcome?: (ack: Ack) => void
  readonly headers?: Record<string, string>
}

/** Stands at the file-server's end of the wire: a real Socket.IO client that does what a test says. */
export class ScriptedFileServer {
  readonly hello: Hello
  readonly socket: Socket
  readonly #answers = new Map<string, (...args: unknown[]) => void>()
  /** Settles whoever waits for the ack with that id. */
  readonly #waiting = new Map<unknown, Ack>()
  isManagerProven = false
  isWelcome = false
  /** Says why it was not let in, or the reason of its disconnect. */
  ended: string | null = null

  constructor(url: string, script: Script = {}) {
    const serverId = script.serverId ?? newServerId()
    this.hello = {
      protocol: PROTOCOL_VERSION,
      serverId,
      bootId: script.bootId ?? randomBytes(8).toString('hex'),
      nonce: randomBytes(16).toString('hex'),
      clusterId: null,
      name: script.name ?? 'scripted',
      zone: script.zone ?? serverId,
      allowsLocalReads: false,
      chunkUrl: 'http://127.0.0.1:1',
      ...script.hello,
    }
    this.socket = io(url + FILE_SERVER_NAMESPACE, {
      transports: ['websocket'],
      forceNew: true,
      reconnection: false,
      auth: { ...this.hello },
      ...(script.headers === undefined ? {} : { extraHeaders: script.headers }),
    })
    this.socket.on('commands', (group: unknown) => {
      for (const { head, bytes } of decodeGroup(group)) this.#hear(...(head as [number, string, unknown]), bytes)
    })
    this.socket.onAny((event: string, id: number, argument: unknown, bytes: Uint8Array | null = null) => {
      if (event !== 'commands' && event !== 'acks') this.#hear(id, event, argument, bytes)
    })
    this.socket.on('acks', (group: unknown) => {
      for (const { head } of decodeGroup(group)) {
        const [id, error] = head as [number, unknown]
        this.#waiting.get(id)?.(error === null ? { ok: true } : { ok: false, error })
      }
    })
    this.socket.on('connect_error', (error) => {
      this.ended = error.message
    })
    this.socket.on('disconnect', (reason) => {
      this.ended = reason
      for (const give of this.#waiting.values()) give('no ack')
    })
    this.answer('challenge', (challenge: Challenge, ack: Ack) => {
      if (script.onChallenge !== undefined) return script.onChallenge(challenge, ack)
      const transcript = transcriptOf(this.hello, challenge)
      this.isManagerProven = isProof(challenge.proof, SECRET, 'manager', transcript)
      const proof = makeProof(script.secret ?? SECRET, 'file-server', transcript)
      ack({ ok: true, proof, heartbeat: script.heartbeat ?? aHeartbeat })
    })
    this.answer('welcome', (_welcome: unknown, ack: Ack) => {
      if (script.onWelcome !== undefined) return script.onWelcome(ack)
      this.isWelcome = true
      ack({ ok: true })
    })
  }

  /** A command that nobody answers gets no ack. */
  #hear(id: number, command: string, argument: unknown, bytes: Uint8Array | null): void {
    const args = bytes === null ? [argument] : [argument, bytes]
    this.#answers.get(command)?.(...args, (ack: unknown) => {
      const { ok, error, copy, bytes: body, ...rest } = (ack ?? {}) as Record<string, unknown>
      const { partTags, ...placed } = (copy ?? {}) as Record<string, unknown>
      const sent = command === 'upload-end' ? partTags : body
      const result = { ...rest, ...(copy === undefined ? {} : { copy: placed }) }
      this.socket.emit(
        'acks',
        encodeGroup([
          {
            head: ok === false ? [id, error] : [id, null, ok === true ? result : ack],
            bytes: sent instanceof Uint8Array ? sent : null,
          },
        ]),
      )
    })
  }

  /**
   * Answers a command, in place of an answer that was given before. What carries bytes has them between the argument and the
   * ack. What an ack has of `bytes`, or of a streamed copy's `partTags`, travels as bytes.
   */
  answer(event: string, handle: (...args: never[]) => void): void {
    this.#answers.set(event, handle as (...args: unknown[]) => void)
  }

  /** Sends a message and gives its ack, or `no ack` where there is none in time, or the connection ends before. */
  send(event: string, argument?: unknown, bytes?: unknown): Promise<unknown> {
    const id = randomBytes(6).readUIntBE(0, 6)
    return new Promise<unknown>((resolve) => {
      const timer = setTimeout(() => resolve('no ack'), 5_000)
      this.#waiting.set(id, (ack) => {
        clearTimeout(timer)
        resolve(ack)
      })
      this.socket.emit(event, id, argument, ...(bytes === undefined ? [] : [bytes]))
    }).finally(() => this.#waiting.delete(id))
  }
}

export function transcriptOf(hello: Hello, challenge: Challenge): Transcript {
  return {
    protocol: PROTOCOL_VERSION,
    serverId: hello.serverId,
    bootId: hello.bootId,
    serverNonce: hello.nonce,
    managerId: challenge.managerId,
    managerNonce: challenge.nonce,
    clusterId: challenge.clusterId,
  }
}

/** Runs the manager's real end on an ephemeral port. All that a test starts is closed after it. */
export function useSocketServer() {
  const closing: (() => Promise<void> | void)[] = []
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
  })

  const start = async (deps: Partial<SocketServerDeps> = {}) => {
    const http: HttpServer = createServer()
    http.listen(0, '127.0.0.1')
    await once(http, 'listening')
    const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
    const registry = new FileServerRegistry(15_000)
    const server = new SocketServer({
      httpServer: http,
      registry,
      identity: { managerId: MANAGER, clusterId: CLUSTER, secret: SECRET },
      log: createLogger('test', 'silent'),
      managers: () => [url],
      countCopies: async () => 0,
      onConnected: () => undefined,
      ...deps,
    })
    closing.push(async () => {
      await server.close()
      http.closeAllConnections()
      await new Promise((resolve) => http.close(resolve))
    })
    const dial = (script: Script = {}): ScriptedFileServer => {
      const dialled = new ScriptedFileServer(url, script)
      closing.push(() => void dialled.socket.disconnect())
      return dialled
    }
    return { url, registry, server, dial }
  }
  /** Connects a file-server, and waits for the manager's link to it. */
  const connect = async (script: Script = {}) => {
    const manager = await start()
    const peer = manager.dial(script)
    return { ...manager, peer, link: await linkOf(manager.registry, peer) }
  }
  return { start, connect }
}

export function linkOf(registry: FileServerRegistry, peer: ScriptedFileServer): Promise<FileServerLink> {
  return vi.waitFor(() => {
    const link = registry.find(peer.hello.serverId)
    if (link === undefined) throw new Error('not connected')
    return link
  }, 5_000)
}

/** Nothing may be left of these, however a command ended. */
export const leftOf = (link: FileServerLink) => ({
  waiting: link.peer.waitingCount,
  outboundBytes: link.outbound.usedBytes,
  inboundBytes: link.inbound.usedBytes,
  streams: link.streams.openCount,
})

export const nothing = { waiting: 0, outboundBytes: 0, inboundBytes: 0, streams: 0 }
