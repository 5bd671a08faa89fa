import { makeProof } from '@holdfast/shared/node/handshake-proof'
import { ENGINE_PATH, frame, OPCODE, RawWebSocket, upgradeRequest } from './hostile-websocket.ts'
import { waitUntil } from './wait-until.ts'

const NAMESPACE = '/file-server'
const identity = { protocol: 1, serverId: 'e0'.repeat(8), bootId: 'e1'.repeat(8) }
export const HOSTILE_ID = identity.serverId
const serverNonce = 'e2'.repeat(16)
const packet = /^4[25](?:\d+-)?\/file-server,(\d+)(\[.*\])$/s

/** Says that it is empty and roomy, so that every upload is sent to it first. */
// biome-ignore format: a table
const heartbeat = {
  fileCount: 0, sizeBytes: 0, freeBytes: 2 ** 50, totalBytes: 2 ** 51, isInventoryDone: true, isWritable: true,
}

export interface Command {
  readonly event: string
  readonly command: Record<string, unknown>
  /** Answers it with this text, which should be an array of JSON, and these attachments. */
  readonly answer: (json: string, ...attachments: Buffer[]) => void
  readonly socket: RawWebSocket
}

/** A file-server that knows the secret and means harm: it does what it is told to with every command, and comes back when it is thrown out. */
export class HostileFileServer implements AsyncDisposable {
  readonly #port: number
  readonly #secret: string
  readonly #onCommand: (command: Command) => void
  #socket: RawWebSocket | null = null
  #isWelcome = false
  #isOver = false
  readonly #running: Promise<void>

  constructor(port: number, secret: string, onCommand: (command: Command) => void) {
    this.#port = port
    this.#secret = secret
    this.#onCommand = onCommand
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
      })
      await this.#socket.closed
      this.#isWelcome = false
    }
  }

  #take(text: string, socket: RawWebSocket): void {
    if (text.startsWith('0')) {
      const hello = { ...identity, nonce: serverNonce, clusterId: null, name: 'hostile' }
      socket.sendText(`40${NAMESPACE},${JSON.stringify(hello)}`)
      return
    }
    if (text === '2') socket.sendText('3')
    const [, id, json] = packet.exec(text) ?? []
    if (id === undefined || json === undefined) return
    const [event, command] = JSON.parse(json) as [string, Record<string, unknown>]
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
    } else this.#onCommand({ event, command, answer, socket })
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
