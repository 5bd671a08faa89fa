import { type CommandGroup, groupOf, sendAttached, sendGroup } from './file-server.ts'
import { type BadAck, badAck } from './grouped-acks.ts'
import type { Random } from './random.ts'
import { frame, OPCODE } from './websocket.ts'

const PLACEHOLDER = '{"_placeholder":true,"num":0}'

function groupOfAcks(acks: readonly BadAck[]): Buffer {
  const heads = acks.flatMap(({ head, bytes }) => [head, String(bytes?.length ?? null)])
  return groupOf(
    `[${heads.join()}]`,
    acks.flatMap(({ bytes }) => bytes ?? []),
  )
}

/** A group cannot have any of these heads. */
// biome-ignore format: a table
const badHeads: readonly string[] = [
  '', 'x', '[', ']', '{}', 'null', '1', '"x"', '[1]', '[[1,null]]', '[[1,null],null,2]', '\ufeff[]', '[],[]', '[[1,null,{}],null', '['.repeat(50_000), `[${'1,null,'.repeat(256)}1,null]`, `{"length":2,"0":[1],"1":null}`,
  ...['-1', '1.5', '"2"', '1e300', '{}', '[]', 'true', '9007199254740993', '1', '-0.5', '1e400'].map((count) => `[[1,null,{}],${count}]`),
]

/** These heads of a group are no acks, or acks that nobody waits for. */
// biome-ignore format: a table
const strangers: readonly string[] = [
  'null', '1', '"x"', '{}', '[]', '[null]', '[[]]', '[{}]', '["0",null,{}]', '["__proto__",null,{}]', '[1e400,null,{}]', '[-1,null,{}]', '[0.5,null,{}]', '[-0,null,{}]', '[9007199254740993,null,{}]', '{"0":1,"length":3}', '[true,null,{}]',
]

type Shape = (context: {
  readonly random: Random
  readonly turn: number
  readonly acks: readonly BadAck[]
  readonly group: CommandGroup
  /** The acks are put together as a right group has them. */
  readonly whole: Buffer
}) => void

const shapes: readonly Shape[] = [
  // The heads are no heads of a group.
  ({ turn, group }) => sendGroup(group.socket, groupOf(badHeads[turn % badHeads.length] ?? '')),
  // The group is cut somewhere, or too long.
  ({ random, whole, group }) => sendGroup(group.socket, whole.subarray(0, random.int(whole.length))),
  ({ random, whole, group }) =>
    sendGroup(group.socket, Buffer.concat([whole, Buffer.alloc(random.pick([1, 4, 1_000]))])),
  // The group says that its heads are longer, or shorter, than they are.
  ({ random, acks, group }) => {
    const heads = `[${acks.map(({ head }) => `${head},null`).join()}]`
    const length = random.pick([0, 1, heads.length - 1, heads.length + 1, 2 ** 31, 2 ** 32 - 1])
    sendGroup(group.socket, groupOf(heads, [], length))
  },
  // The group says that it has other bytes than it has.
  ({ random, acks, group }) => {
    const count = random.pick(['null', '0', '1', '3', '4294967296'])
    const heads = acks.map(({ head }) => `${head},${count}`)
    sendGroup(group.socket, groupOf(`[${heads.join()}]`, [Buffer.alloc(random.int(6))]))
  },
  // The group is bent anywhere.
  ({ random, whole, group }) => sendGroup(group.socket, random.flip(whole)),
  // Nobody asked for these acks, which come alone and between those that somebody did ask for.
  ({ turn, group }) => {
    const head = strangers[turn % strangers.length] ?? 'null'
    sendGroup(group.socket, groupOfAcks([{ head, bytes: turn % 2 === 0 ? null : Buffer.alloc(2) }]))
  },
  ({ acks, group }) => {
    const between = strangers.map((head) => ({ head, bytes: Buffer.alloc(1) }))
    sendGroup(group.socket, groupOfAcks([...between, ...acks, ...between]))
  },
  // Each id comes with what belongs to the one before it, or to a command that is yet to come.
  ({ acks, group }) => {
    const rest = acks.map(({ head }) => head.slice(head.indexOf(',')))
    const moved = acks.map(({ bytes }, index) => {
      const id = group.commands[(index + 1) % group.commands.length]?.id ?? 0
      return { head: `[${group.commands.length === 1 ? id + 1 : id}${rest[index]}`, bytes }
    })
    sendGroup(group.socket, groupOfAcks(moved))
  },
  // The ids come twice in one group, and the group comes twice.
  ({ acks, group }) => sendGroup(group.socket, groupOfAcks([...acks, ...[...acks].reverse()])),
  ({ whole, group }) => sendGroup(group.socket, whole),
  // There are no bytes, bytes in another place, more attachments than one, fewer, or none of the number that is named.
  ({ random, group }) => {
    const argument = random.pick([
      '',
      ',null',
      ',{}',
      ',"x"',
      ',[0,0,0,2,91,93]',
      ',{"type":"Buffer","data":[0,0,0,0]}',
    ])
    group.socket.sendText(`42/file-server,["acks"${argument}]`)
  },
  ({ random, whole, group }) => {
    const argument = random.pick([`[${PLACEHOLDER}]`, `{"x":${PLACEHOLDER}}`, `null,${PLACEHOLDER}`])
    sendAttached(group.socket, `451-/file-server,["acks",${argument}]`, whole)
  },
  ({ whole, group }) =>
    sendAttached(group.socket, `452-/file-server,["acks",${PLACEHOLDER},{"_placeholder":true,"num":1}]`, whole, whole),
  ({ turn, whole, group }) => {
    if (turn % 4 === 0) sendAttached(group.socket, '451-/file-server,["acks",{"_placeholder":true,"num":1}]', whole)
    else if (turn % 4 === 1) group.socket.write(frame(whole, { opcode: OPCODE.binary }))
    else if (turn % 4 === 2) sendAttached(group.socket, `450-/file-server,["acks",${PLACEHOLDER}]`, whole)
    else group.socket.sendText(`451-/file-server,["acks",${PLACEHOLDER}]`)
  },
]

/** Answers groups badly, each command with the next of the bad acks for its kind. */
export class BadGroups {
  readonly #random: Random
  readonly #counts = new Map<string, number>()
  #groupCount = 0

  constructor(random: Random) {
    this.#random = random
  }

  /**
   * Something else comes before every other group's acks. The acks come after it all the same, so that nobody waits for
   * long.
   */
  answer(group: CommandGroup): void {
    const number = this.#groupCount++
    const acks = group.commands.map((command) => {
      const count = this.#counts.get(command.name) ?? 0
      this.#counts.set(command.name, count + 1)
      return badAck(this.#random, count, command)
    })
    const whole = groupOfAcks(acks)
    const turn = Math.floor(number / 2)
    const shape = number % 2 === 0 ? shapes[turn % shapes.length] : undefined
    shape?.({ random: this.#random, turn: Math.floor(turn / shapes.length), acks, group, whole })
    sendGroup(group.socket, whole)
  }
}
