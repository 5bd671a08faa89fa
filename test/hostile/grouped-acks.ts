import type { GroupedCommand } from './file-server.ts'
import type { Random } from './random.ts'

/** The head of an ack is text that should be JSON, and bytes may go with it. */
export interface BadAck {
  readonly head: string
  readonly bytes: Buffer | null
}

export const errorNames = [
  'INTERNAL',
  'FILE_NOT_FOUND',
  'FORBIDDEN',
  'CANCELLED',
  'DISK_FULL',
  'LINK_LOST',
  '__proto__',
  'constructor',
  '',
  'x'.repeat(10_000),
]

const good = { copyId: 'COPY', slot: 1, sizeBytes: 2, sha256: '0'.repeat(64) }
const stored = (change: object, rest: object = { workMs: 0 }): string =>
  `null,${JSON.stringify({ copy: { ...good, ...change }, ...rest })}`

/** No file-server gives an ack in which this follows the id, whatever the command was. */
// biome-ignore format: a table
export const anyAcks: readonly string[] = [
  'null', 'null,null', 'null,1', 'null,"x"', 'null,[]', 'null,[[]]', 'null,{}', 'null,true', 'null,{"ok":true}', 'null,{"ok":false,"error":{"name":"INTERNAL"}}', 'null,{"__proto__":{"existed":true}}',
  '0', 'false', '""', '[]', '{}', '"INTERNAL"', '[null]', '{"name":1}', '{"name":["INTERNAL"]}', '{"name":{"toString":1}}', '{"name":"INTERNAL","detail":{"x":1}}', '{"name":"INTERNAL"},{"existed":true}', '{"__proto__":{"name":"CANCELLED"}}',
  'null,{},1,2,3', `null,{"x":${'['.repeat(2_000)}${']'.repeat(2_000)}}`,
  ...errorNames.map((name) => JSON.stringify({ name, detail: 'd'.repeat(1_000) })),
]

// biome-ignore format: a table
const uploadAcks: readonly string[] = [
  'null,{"copy":null,"workMs":0}', 'null,{"copy":[],"workMs":0}', 'null,{"copy":"COPY","workMs":0}', 'null,{"workMs":0}', 'null,{"__proto__":{"copy":1},"workMs":0}',
  ...[{ slot: -1 }, { slot: 1.5 }, { slot: 36 ** 6 }, { slot: '../x' }, { slot: null }, { sizeBytes: -1 }, { sizeBytes: 1e300 }, { sizeBytes: 3 }, { sizeBytes: 0 }, { sizeBytes: '2' }, { sha256: 'x' }, { sha256: null }, { sha256: 'G'.repeat(64) }, { copyId: '../../x' }, { copyId: 'f'.repeat(40) }, { copyId: null }, { partDigests: 'x' }, { partDigests: {} }, { extra: 1 }].map((change) => stored(change)),
  ...[{}, { workMs: -1 }, { workMs: '0' }, { workMs: null }, { workMs: 1e300 }, { workMs: 0, kind: 'go-on' }].map((rest) => stored({}, rest)),
]

const deleteAcks = ['null,{"existed":"yes"}', 'null,{"existed":null}', 'null,{"existed":1}', 'null,{"existed":true}']

/** Every third upload looks right, so that its copy is asked for, and then deleted. */
export function badAck(random: Random, number: number, { id, name, argument }: GroupedCommand): BadAck {
  const sizeBytes = name === 'upload-file' ? Number(argument.sizeBytes) : 2
  const take = (texts: readonly string[], turn: number): string =>
    `[${id},${(texts[turn % texts.length] ?? 'null').replace('COPY', String(argument.copyId))}]`
  const turn = Math.floor(number / 3)
  if (name === 'upload-file') {
    const isBelieved = number % 3 === 0
    // Nobody asked for these bytes.
    const bytes = random.pick([null, Buffer.alloc(0), random.bytes(32), Buffer.alloc(300_000)])
    if (isBelieved) return { head: take([stored({ sizeBytes })], 0), bytes }
    const texts = number % 3 === 1 ? uploadAcks : anyAcks
    return { head: take(texts, turn), bytes }
  }
  if (name === 'delete-file') {
    return { head: take([...deleteAcks, ...anyAcks], number), bytes: random.pick([null, random.bytes(2)]) }
  }
  const length = Number(argument.length)
  const byteCount = random.pick([0, 1, length - 1, length, length + 1, 32, 300_000])
  const bytes = random.pick([null, Buffer.alloc(byteCount, random.int(256))])
  return { head: number % 2 === 0 ? take(['null,{}'], 0) : take(anyAcks, Math.floor(number / 2)), bytes }
}
