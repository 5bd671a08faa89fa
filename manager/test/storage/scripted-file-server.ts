import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fromWireError } from '@holdfast/shared/errors/store-error'
import type { ClusterId, Digest, ServerId, Slot } from '@holdfast/shared/ids'
import { isProof, makeProof, type Transcript } from '@holdfast/shared/node/handshake-proof'
import { createLogger } from '@holdfast/shared/node/logger'
import { answerGroups, type GroupedAnswer } from '@holdfast/shared/wire/answer-groups'
import type { Challenge, Heartbeat, Hello, NamedCopy } from '@holdfast/shared/wire/events'
import { FILE_SERVER_NAMESPACE, PROTOCOL_VERSION } from '@holdfast/shared/wire/protocol'
import { io, type Socket } from 'socket.io-client'
import { afterEach, vi } from 'vitest'
import { newCopyId } from '../../../shared/test/new-copy-id.ts'
import type { FileServerLink } from '../../src/storage/file-server-link.ts'
import { FileServerRegistry } from '../../src/storage/registry.ts'
import { SocketServer, type SocketServerParts } from '../../src/storage/socket-server.ts'

const SECRET = 'a secret of this test'
export const CLUSTER = 'c1c1c1c1c1c1c1c1' as ClusterId
const MANAGER = 'abababababababab'

export type Ack = (result: unknown) => void

export const newServerId = (): ServerId => randomBytes(8).toString('hex') as ServerId
export const aCopy = (): NamedCopy => ({ copyId: newCopyId(), slot: 5 as Slot, sha256: 'cd'.repeat(32) as Digest })

export const aHeartbeat: Heartbeat = {
  fileCount: 3,
  sizeBytes: 300,
  freeBytes: 1e9,
  totalBytes: 2e9,
  isInventoryDone: true,
  isWritable: true,
}

/** How a scripted file-server behaves in the handshake, where that is not as it should be. */
export interface Script {
  readonly serverId?: ServerId
  readonly bootId?: string
  readonly name?: string
  readonly secret?: string
  readonly hello?: Record<string, unknown>
  readonly heartbeat?: unknown
  /** Instead of the ack that a challenge should have. */
  readonly onChallenge?: (challenge: Challenge, ack: Ack) => void
  readonly onWelcome?: (ack: Ack) => void
  readonly headers?: Record<string, string>
}

/** The file-server's end of the wire: a real Socket.IO client that does what a test says. */
export class ScriptedFileServer {
  readonly hello: Hello
  readonly socket: Socket
  readonly #answers = new Map<string, (...args: unknown[]) => void>()
  isManagerProven = false
  isWelcome = false
  /** Why it was not let in, or the reason of its disconnect. */
  ended: string | null = null

  constructor(url: string, script: Script = {}) {
    this.hello = {
      protocol: PROTOCOL_VERSION,
      serverId: script.serverId ?? newServerId(),
      bootId: script.bootId ?? randomBytes(8).toString('hex'),
      nonce: randomBytes(16).toString('hex'),
      clusterId: null,
      name: script.name ?? 'scripted',
      allowsLocalReads: false,
      ...script.hello,
    }
    this.socket = io(url + FILE_SERVER_NAMESPACE, {
      transports: ['websocket'],
      forceNew: true,
      reconnection: false,
      auth: { ...this.hello },
      ...(script.headers === undefined ? {} : { extraHeaders: script.headers }),
    })
    answerGroups(this.socket, {
      handle: (command, argument, bytes) => this.#answerGrouped(String(command), argument, bytes),
      onRefused: () => undefined,
    })
    this.socket.on('connect_error', (error) => {
      this.ended = error.message
    })
    this.socket.on('disconnect', (reason) => {
      this.ended = reason
    })
    this.socket.on('challenge', (challenge: Challenge, ack: Ack) => {
      if (script.onChallenge !== undefined) return script.onChallenge(challenge, ack)
      const transcript = transcriptOf(this.hello, challenge)
      this.isManagerProven = isProof(challenge.proof, SECRET, 'manager', transcript)
      const proof = makeProof(script.secret ?? SECRET, 'file-server', transcript)
      ack({ ok: true, proof, heartbeat: script.heartbeat ?? aHeartbeat })
    })
    this.socket.on('welcome', (_welcome: unknown, ack: Ack) => {
      if (script.onWelcome !== undefined) return script.onWelcome(ack)
      this.isWelcome = true
      ack({ ok: true })
    })
    this.socket.on('open-data-port', (ack: Ack) => ack({ ok: true, port: null }))
  }

  /** A command of a group goes to whoever answers it by itself. One that nobody answers gets no ack. */
  #answerGrouped(command: string, argument: unknown, bytes: Uint8Array | null): Promise<GroupedAnswer> {
    return new Promise((resolve, reject) => {
      const args = command === 'upload-file' ? [argument, bytes] : [argument]
      this.#answers.get(command)?.(...args, (ack: unknown) => {
        const { ok, error, copy, bytes: body, ...rest } = (ack ?? {}) as Record<string, unknown>
        if (ok === false) return reject(fromWireError(error))
        const { partTags: _, ...placed } = (copy ?? {}) as Record<string, unknown>
        const result = copy === undefined ? rest : { ...rest, copy: placed }
        resolve({
          result: ok === true ? result : (ack as object),
          bytes: body instanceof Uint8Array ? body : null,
        })
      })
    })
  }

  /**
   * Answers a command, in place of an answer that was given before. What an ack has of `bytes` travels as
   * bytes; an upload that opens a stream has null for them.
   */
  answer(event: string, handle: (...args: never[]) => void): void {
    const answer = handle as (...args: unknown[]) => void
    this.#answers.set(event, answer)
    this.socket.off(event)
    this.socket.on(event, (...args: unknown[]) => {
      if (event === 'upload-file') args.splice(1, 0, null)
      answer(...args)
    })
  }

  /** Sends a message and gives its ack, or `no ack` where the connection ends before. */
  send(event: string, ...args: unknown[]): Promise<unknown> {
    const acked = this.socket.timeout(5_000).emitWithAck(event, ...args)
    return acked.catch(() => 'no ack')
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

/** The manager's end, real, on an ephemeral port. All that a test starts is closed after it. */
export function useSocketServer() {
  const closing: (() => Promise<void> | void)[] = []
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
  })

  const start = async (parts: Partial<SocketServerParts> = {}) => {
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
      countFiles: async () => 0,
      onConnected: () => undefined,
      ...parts,
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
  /** A file-server that is connected, and the manager's link to it. */
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

/** What nothing may be left of, however a command ended. */
export const leftOf = (link: FileServerLink) => ({
  waiting: link.waitingCount,
  outboundBytes: link.outbound.usedBytes,
  inboundBytes: link.inbound.usedBytes,
  streams: link.streams.openCount,
})

export const nothing = { waiting: 0, outboundBytes: 0, inboundBytes: 0, streams: 0 }
