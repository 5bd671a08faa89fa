import { makeProof } from '@holdfast/shared/node/handshake-proof'
import { decodeGroup } from '@holdfast/shared/wire/group'
import { FILE_SERVER_NAMESPACE as NAMESPACE, PROTOCOL_VERSION } from '@holdfast/shared/wire/protocol'
import { waitUntil } from '../cluster/wait-until.ts'
import { ENGINE_PATH, frame, OPCODE, RawWebSocket, upgradeRequest } from './websocket.ts'

const identity = { protocol: PROTOCOL_VERSION, serverId: 'e0'.repeat(8), bootId: 'e1'.repeat(8) }
export const HOSTILE_ID = identity.serverId
const serverNonce = 'e2'.repeat(16)
/** It captures how many attachments follow, and the event with its arguments. */
const packet = /^4(?:2|5(\d+)-)\/file-server,(\[.*\])$/s
const PLACEHOLDER = '{"_placeholder":true,"num":0}'

/** Makes a group of these heads, which need not be JSON, with the length that they have or another one. */
export function groupOf(heads: string, bytes: readonly Buffer[] = [], headLength = Buffer.byteLength(heads)): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(headLength)
  return Buffer.concat([length, Buffer.from(heads), ...bytes])
}

export const sendAttached = (socket: RawWebSocket, text: string, ...attachments: Buffer[]): void =>
  socket.write(Buffer.concat([frame(text), ...attachments.map((bytes) => frame(bytes, { opcode: OPCODE.binary }))]))

/** Sends these bytes as acks. */
export const sendGroup = (socket: RawWebSocket, group: Buffer): void =>
  sendAttached(socket, `451-/file-server,["acks",${PLACEHOLDER}]`, group)

/** It claims to be empty and roomy, so that every upload is sent to it first. */
// biome-ignore format: a table
const heartbeat = {
  copyCount: 0, sizeBytes: 0, freeBytes: 2 ** 50, totalBytes: 2 ** 51, isInventoryDone: true, isWritable: true,
}

export interface Command {
  readonly event: string
  readonly command: Record<string, unknown>
  /** The command has them attached. */
  readonly bytes: Buffer | null
  readonly id: number
  /** Answers it with this text, which should be an error and a result in JSON, and these bytes. */
  readonly answer: (json: string, bytes?: Buffer) => void
  readonly socket: RawWebSocket
}

/** These commands came in one message. */
export interface CommandGroup {
  readonly commands: readonly GroupedCommand[]
  readonly socket: RawWebSocket
}

export interface GroupedCommand {
  readonly id: number
  readonly name: string
  readonly argument: Record<string, unknown>
}

export interface HostileHandlers {
  readonly onCommand: (command: Command) => void
  readonly onGroup: (group: CommandGroup) => void
}

/**
 * A file-server that knows the secret and means harm. It answers every command as its handlers say, and comes back when
 * it is thrown out.
 */
export class HostileFileServer implements AsyncDisposable {
  readonly #port: number
  readonly #secret: string
  readonly #handlers: HostileHandlers
  /** This packet waits for its attachment. */
  #packet: string | null = null
  #socket: RawWebSocket | null = null
  #isWelcome = false
  #isOver = false
  readonly #running: Promise<void>

  constructor(port: number, secret: string, handlers: HostileHandlers) {
    this.#port = port
    this.#secret = secret
    this.#handlers = handlers
    this.#running = this.#run()
  }

  /** Waits until it is connected. */
  async welcome(): Promise<RawWebSocket> {
    await waitUntil('the hostile file-server is welcome', () => this.#isWelcome)
    if (this.#socket === null) throw new Error('welcome without a connection')
    return this.#socket
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true
    this.#socket?.destroy()
    await this.#running
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      this.#socket = new RawWebSocket(this.#port, upgradeRequest(ENGINE_PATH), {
        onText: (text, socket) => this.#take(text, socket),
        onBinary: (bytes, socket) => this.#takeAttachment(bytes, socket),
      })
      this.#packet = null
      await this.#socket.closed
      this.#isWelcome = false
    }
  }

  #take(text: string, socket: RawWebSocket): void {
    if (text.startsWith('0')) {
      const names = { name: 'hostile', zone: 'hostile' }
      const hello = {
        ...identity,
        nonce: serverNonce,
        clusterId: null,
        ...names,
        allowsLocalReads: false,
        chunkUrl: 'http://127.0.0.1:1',
      }
      socket.sendText(`40${NAMESPACE},${JSON.stringify(hello)}`)
      return
    }
    if (text === '2') socket.sendText('3')
    const [, attachmentCount, json] = packet.exec(text) ?? []
    if (json === undefined) return
    if (attachmentCount === undefined) this.#act(json, null, socket)
    else if (attachmentCount === '1') this.#packet = json
    else throw new Error(`a message with ${attachmentCount} attachments`)
  }

  #takeAttachment(bytes: Buffer, socket: RawWebSocket): void {
    const waiting = this.#packet
    this.#packet = null
    if (waiting === null) throw new Error('an attachment of no message')
    this.#act(waiting, bytes, socket)
  }

  #act(json: string, bytes: Buffer | null, socket: RawWebSocket): void {
    const [event, id, command = {}] = JSON.parse(json) as [string, number, Record<string, unknown>?]
    // The manager's own acks come with bytes too, and need no answer.
    if (event === 'acks') return
    if (event === 'commands') {
      const commands = decodeGroup(bytes).map(({ head }) => {
        const [id, name, argument] = head as [number, string, Record<string, unknown>]
        return { id, name, argument }
      })
      this.#handlers.onGroup({ commands, socket })
      return
    }
    const answer = (ack: string, attached?: Buffer): void =>
      sendGroup(socket, groupOf(`[[${id},${ack}],${attached?.length ?? null}]`, attached && [attached]))
    if (event === 'challenge') answer(`null,${JSON.stringify({ proof: this.#prove(command), heartbeat })}`)
    else if (event === 'welcome') {
      answer('null,{}')
      this.#isWelcome = true
    } else this.#handlers.onCommand({ event, command, bytes, id, answer, socket })
  }

  #prove({ managerId, nonce, clusterId }: Record<string, unknown>): string {
    const transcript = {
      ...identity,
      serverNonce,
      managerId: String(managerId),
      managerNonce: String(nonce),
      clusterId: String(clusterId),
    }
    return makeProof(this.#secret, 'file-server', transcript)
  }
}
