import { makeProof } from '@holdfast/shared/node/handshake-proof'
import { decodeGroup } from '@holdfast/shared/wire/group'
import { FILE_SERVER_NAMESPACE as NAMESPACE, PROTOCOL_VERSION } from '@holdfast/shared/wire/protocol'
import { waitUntil } from '../wait-until.ts'
import { ENGINE_PATH, frame, OPCODE, RawWebSocket, upgradeRequest } from './websocket.ts'

const identity = { protocol: PROTOCOL_VERSION, serverId: 'e0'.repeat(8), bootId: 'e1'.repeat(8) }
export const HOSTILE_ID = identity.serverId
const serverNonce = 'e2'.repeat(16)
/** It tells how many attachments follow, the id where an ack is wanted, and the event with its arguments. */
const packet = /^4(?:2|5(\d+)-)\/file-server,(\d*)(\[.*\])$/s

/** Says that it is empty and roomy, so that every upload is sent to it first. */
// biome-ignore format: a table
const heartbeat = {
  fileCount: 0, sizeBytes: 0, freeBytes: 2 ** 50, totalBytes: 2 ** 51, isInventoryDone: true, isWritable: true,
}

export interface Command {
  readonly event: string
  readonly command: Record<string, unknown>
  /** They are attached to it. */
  readonly bytes: Buffer | null
  /** Answers it with this text, which should be an array of JSON, and these attachments. */
  readonly answer: (json: string, ...attachments: Buffer[]) => void
  readonly socket: RawWebSocket
}

/** They came in one message. */
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

interface Packet {
  readonly id: string
  readonly json: string
}

/** This file-server knows the secret and means harm: it does what it is told to with every command, and comes back when it is thrown out. */
export class HostileFileServer implements AsyncDisposable {
  readonly #port: number
  readonly #secret: string
  readonly #handlers: HostileHandlers
  /** Waits for its attachment. */
  #packet: Packet | null = null
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
      const hello = { ...identity, nonce: serverNonce, clusterId: null, name: 'hostile', allowsLocalReads: false }
      socket.sendText(`40${NAMESPACE},${JSON.stringify(hello)}`)
      return
    }
    if (text === '2') socket.sendText('3')
    const [, attachmentCount, id, json] = packet.exec(text) ?? []
    if (id === undefined || json === undefined) return
    if (attachmentCount === undefined) this.#act({ id, json }, null, socket)
    else if (attachmentCount === '1') this.#packet = { id, json }
    else throw new Error(`a message with ${attachmentCount} attachments`)
  }

  #takeAttachment(bytes: Buffer, socket: RawWebSocket): void {
    const waiting = this.#packet
    this.#packet = null
    if (waiting === null) throw new Error('an attachment of no message')
    this.#act(waiting, bytes, socket)
  }

  #act({ id, json }: Packet, bytes: Buffer | null, socket: RawWebSocket): void {
    const [event, command = {}] = JSON.parse(json) as [string, Record<string, unknown>?]
    if (event === 'commands') {
      const commands = decodeGroup(bytes).map(({ head }) => {
        const [id, name, argument] = head as [number, string, Record<string, unknown>]
        return { id, name, argument }
      })
      this.#handlers.onGroup({ commands, socket })
      return
    }
    const answer = (reply: string, ...attachments: Buffer[]): void => {
      const kind = attachments.length === 0 ? '43' : `46${attachments.length}-`
      socket.write(
        Buffer.concat([
          frame(`${kind}${NAMESPACE},${id}${reply}`),
          ...attachments.map((bytes) => frame(bytes, { opcode: OPCODE.binary })),
        ]),
      )
    }
    if (event === 'challenge') answer(JSON.stringify([{ ok: true, proof: this.#prove(command), heartbeat }]))
    else if (event === 'welcome') {
      answer('[{"ok":true}]')
      this.#isWelcome = true
    } else this.#handlers.onCommand({ event, command, bytes, answer, socket })
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
