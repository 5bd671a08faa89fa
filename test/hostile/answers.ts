import type { Command, CommandGroup, HostileHandlers } from './file-server.ts'
import { anyAcks, errorNames as names } from './grouped-acks.ts'
import { BadGroups } from './groups.ts'
import type { Random } from './random.ts'
import { frame, OPCODE } from './websocket.ts'

const good = { copyId: 'COPY', slot: 1, sizeBytes: 2, sha256: '0'.repeat(64) }
const stored = (change: object): string => `null,${JSON.stringify({ copy: { ...good, ...change } })}`

/** No file-server gives an ack in which this follows the id. */
// biome-ignore format: a table
const acks: readonly string[] = [
  'null,{"kind":"go-on"}', 'null,{"bytes":"text"}', 'null,{"bytes":[1,2]}', 'null,{"bytes":{"length":2}}', 'null,{"__proto__":{"bytes":1}}', 'null,{"existed":"yes"}', 'null,{"copies":{}}', 'null,{"bytes":{"_placeholder":true,"num":0}}',
  ...anyAcks,
  ...[{}, { slot: -1 }, { slot: 1.5 }, { slot: 36 ** 6 }, { slot: '../x' }, { sizeBytes: -1 }, { sizeBytes: 1e300 }, { sizeBytes: 3 }, { sha256: 'x' }, { sha256: null }, { copyId: '../../x' }, { copyId: 'f'.repeat(40) }, { partDigests: null }, { partTags: 'x' }, { extra: 1 }].map(stored),
]

/** These acks are no group, or belong to packets that nobody waits for. */
// biome-ignore format: a table
const packets: readonly string[] = [
  '[]', '[null]', '[1]', '["x"]', '[[]]', '[{}]', '[{"ok":true}]', '[{"ok":false,"error":{"name":"INTERNAL","detail":{"x":1}}}]', '[{"ok":true},{"ok":false},1,2,3]', '[', '{', 'x', '[{"bytes":{"_placeholder":true,"num":0}}]', '[{"bytes":{"_placeholder":true,"num":"length"}}]', `[${'['.repeat(50_000)}`,
]

/** It keeps of a streamed upload how it is to end, and what a file-server would know of it. */
interface Upload {
  readonly number: number
  readonly isBase64: boolean
  receivedBytes: number
  paddingBytes: number
}

const uploadOrder = ['open-upload', 'upload-frame', 'upload-end']
/** An upload goes well up to the message of this name. */
const lastsBelieved = ['', 'upload-end', 'open-upload', 'upload-end', 'upload-frame', 'upload-end']

/** Gives many bad answers, in the order of their numbers. */
export class BadAnswers implements HostileHandlers {
  readonly #random: Random
  readonly #uploads = new Map<unknown, Upload>()
  #plainCount = 0
  readonly #groups: BadGroups
  /** They say how often each command came, with `grouped` before those that came in groups. */
  readonly counts: Record<string, number> = {}

  constructor(random: Random) {
    this.#random = random
    this.#groups = new BadGroups(random)
  }

  onGroup(group: CommandGroup): void {
    for (const { name } of group.commands) this.#count(`grouped ${name}`)
    this.#groups.answer(group)
  }

  onCommand(command: Command): void {
    this.#count(command.event)
    if (!this.#isBelieved(command)) answerBadly(this.#random, this.#plainCount++, command)
  }

  #count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1
  }

  /**
   * Half of the uploads are believed, so that they are downloaded. The others are lied to at their begin, their first
   * frame or their end.
   */
  #isBelieved({ event, command, bytes, answer }: Command): boolean {
    const { copyId } = command
    if (event === 'open-upload') {
      const isBase64 = command.encoding === 'base64'
      this.#uploads.set(copyId, { number: this.#uploads.size, isBase64, receivedBytes: 0, paddingBytes: 0 })
    }
    const upload = uploadOrder.includes(event) ? this.#uploads.get(copyId) : undefined
    if (upload === undefined) return false
    upload.receivedBytes += bytes?.length ?? 0
    if (bytes !== null) upload.paddingBytes = bytes.subarray(-2).filter((byte) => byte === 0x3d).length
    const lastBelieved = lastsBelieved[upload.number % lastsBelieved.length] ?? ''
    if (uploadOrder.indexOf(event) > uploadOrder.indexOf(lastBelieved)) return false
    if (event !== 'upload-end') answer('null,{}')
    else {
      const decodedBytes = (upload.receivedBytes / 4) * 3 - upload.paddingBytes
      const sizeBytes = upload.isBase64 ? decodedBytes : upload.receivedBytes
      answer(stored({ copyId, sizeBytes }), Buffer.alloc(16))
    }
    return true
  }
}

/** Before every fourth answer comes an ack of Socket.IO's, which may end the connection. */
function answerBadly(random: Random, number: number, { command, id, answer, socket, event }: Command): void {
  const text = (acks[number % acks.length] ?? 'null').replace('COPY', String(command.copyId))
  const packet = number % 4 === 3 ? packets[Math.floor(number / 4) % packets.length] : undefined
  if (packet !== undefined) socket.sendText(`43/file-server,${id}${packet}`)
  // A stream that was promised has to go on somehow, or the manager waits for it, so every other one does.
  const isOpened = event === 'open-download' && number % 2 === 0
  const bytes = random.pick([undefined, ...[0, 1, 15, 16, 17, 32].map((length) => Buffer.alloc(length))])
  answer(isOpened ? 'null,{}' : text, bytes)
  if (event !== 'open-download') return
  const isPromised = isOpened || text.startsWith('null,{')
  const streamId = isPromised ? command.streamId : random.pick([command.streamId, 'f'.repeat(16), '__proto__'])
  if (number % 4 < 2) {
    const error = { name: names[number % names.length] }
    socket.sendText(`42/file-server,["stream-error",7,${JSON.stringify({ streamId, error })}]`)
    return
  }
  const parts = ['stream-frame', 8, { streamId, seq: 0, isLast: true }, { _placeholder: true, num: 0 }]
  socket.sendText(`451-/file-server,${JSON.stringify(parts)}`)
  const byteCount = random.pick([0, 1, 3, 5, Number(command.length), Number(command.length) + 1])
  socket.write(frame(Buffer.alloc(byteCount, random.int(256)), { opcode: OPCODE.binary }))
}

const status = '"sizeBytes":0,"freeBytes":1,"totalBytes":1,"isInventoryDone":true,"isWritable":true'

/**
 * @returns a message that a file-server may not send, as a Socket.IO packet; one that breaks the packet's form ends the
 * connection
 */
// biome-ignore format: a table
const messages: readonly string[] = [
  '["heartbeat"]', '["heartbeat",5,null]', '["heartbeat",5,[]]', '["heartbeat",5,{}]', `["heartbeat",5,{"copyCount":-1,${status}}]`, `["heartbeat",5,{"copyCount":1e99,${status}}]`,
  `["heartbeat",5,{"copyCount":"1",${status}}]`, `["heartbeat",5,{"copyCount":1.5,${status}}]`, `["heartbeat",5,{"copyCount":1,"extra":1,${status}}]`, `["heartbeat",5,{"__proto__":{"copyCount":1},${status}}]`,
  '["stream-frame"]', '["stream-frame",5,{}]', '["stream-frame",5,null,null]', '["stream-frame",5,{"streamId":"0000000000000000","seq":0,"isLast":true},"x"]',
  '["stream-frame",5,{"streamId":"0000000000000000","seq":-1,"isLast":true},null]', '["stream-frame",5,{"streamId":"__proto__","seq":0,"isLast":true},{}]', '["stream-frame",5,{"streamId":"0000000000000000","seq":9007199254740993,"isLast":1},[]]',
  '["stream-error"]', '["stream-error",5,{}]', '["stream-error",5,{"streamId":"0000000000000000","error":{"name":"x"}}]', '["stream-error",5,{"streamId":"0000000000000000"},1,2,3]',
  '["heartbeat",null,{}]', '["heartbeat","5",{}]', '["heartbeat",{}]', '["stream-frame",[],{}]', '["stream-error",1e400,{}]', '["acks"]', '["acks",null]', '["acks",{}]', '["acks","\\u0000\\u0000\\u0000\\u0000"]', '["acks",[0,0,0,2,91,93]]', '["acks",{"length":4,"byteLength":4}]', '["commands",{}]',
  '["unknown"]', '["error",{"x":1}]', '["__proto__",1]', '["constructor"]', '["upload-file",1,{}]', '["challenge",1,{}]', '["disconnecting"]', '["hasOwnProperty"]', '[1]', '[null]', '[{}]', '[]', '{}', '"x"',
]

export function badMessage(random: Random, number: number): string {
  const text = messages[number % messages.length] ?? '[]'
  const changed = number < messages.length * 2 ? text : random.flip(Buffer.from(text)).toString('latin1')
  return `42/file-server,${number % 2 === 0 ? '' : number}${changed}`
}
