import type { Command } from './hostile-file-server.ts'
import type { Random } from './hostile-random.ts'
import { frame, OPCODE } from './hostile-websocket.ts'

const good = { copyId: 'COPY', slot: 1, sizeBytes: 2, sha256: '0'.repeat(64), partDigests: 'PARTS' }
const names = [
  'INTERNAL',
  'FILE_NOT_FOUND',
  'UNAUTHORIZED',
  'CANCELLED',
  'DISK_FULL',
  'LINK_LOST',
  '__proto__',
  'constructor',
  '',
  'x'.repeat(10_000),
]
const stored = (change: object): string =>
  JSON.stringify([{ ok: true, kind: 'stored', workMs: 0, copy: { ...good, ...change } }])

/** Acks that no file-server gives. */
// biome-ignore format: a table
const acks: readonly string[] = [
  '[]', '[null]', '[1]', '["x"]', '[[]]', '[{}]', '[{"ok":1}]', '[{"ok":"true"}]', '[{"ok":true}]', '[{"ok":true,"kind":"go-on"}]', '[{"ok":true,"kind":"evil"}]',
  '[{"ok":true,"kind":"inline","bytes":"text"}]', '[{"ok":true,"kind":"inline","bytes":[1,2]}]', '[{"ok":true,"kind":"inline","bytes":{"length":2}}]', '[{"ok":true,"kind":"stream"}]',
  '[{"ok":true,"__proto__":{"kind":"stored"}}]', '[{"ok":false}]', '[{"ok":false,"error":null}]', '[{"ok":false,"error":"x"}]', '[{"ok":false,"error":[]}]',
  '[{"ok":false,"error":{"name":"INTERNAL","detail":{"x":1}}}]', '[{"ok":true,"existed":"yes"}]', '[{"ok":true,"copies":{}}]', '[{"ok":true},{"ok":false},1,2,3]',
  ...names.map((name) => JSON.stringify([{ ok: false, error: { name, detail: 'd'.repeat(1_000) } }])),
  ...[{}, { slot: -1 }, { slot: 1.5 }, { slot: 36 ** 6 }, { slot: '../x' }, { sizeBytes: -1 }, { sizeBytes: 1e300 }, { sizeBytes: 3 }, { sha256: 'x' }, { sha256: null }, { copyId: '../../x' }, { copyId: 'f'.repeat(32) }, { partDigests: null }, { partDigests: {} }, { extra: 1 }].map(stored),
  '[', '{', 'x', '[{"ok":true,"bytes":{"_placeholder":true,"num":0}}]', '[{"ok":true,"bytes":{"_placeholder":true,"num":"length"}}]', `[${'['.repeat(50_000)}`,
]

/** One of many bad answers, in the order of their numbers; with attachments where their number is odd. */
export function answerBadly(random: Random, number: number, { command, answer, socket, event }: Command): void {
  const text = (acks[number % acks.length] ?? '[]').replace('COPY', String(command.copyId))
  const digests = Buffer.alloc(random.pick([0, 1, 31, 32, 33, 64]))
  if (text.includes('"PARTS"')) answer(text.replace('"PARTS"', '{"_placeholder":true,"num":0}'), digests)
  else answer(text)
  if (event !== 'download-file') return
  // Where the ack promised a stream, this is how it goes on; else it comes without being asked for.
  const streamId = text.includes('"stream"')
    ? command.streamId
    : random.pick([command.streamId, 'f'.repeat(16), '__proto__'])
  if (number % 2 === 0) {
    const error = { name: names[number % names.length] }
    socket.sendText(`42/file-server,7["stream-error",${JSON.stringify({ streamId, error })}]`)
    return
  }
  const parts = ['stream-frame', { streamId, seq: 0, isLast: true }, { _placeholder: true, num: 0 }]
  socket.sendText(`451-/file-server,8${JSON.stringify(parts)}`)
  socket.write(frame(random.bytes(random.pick([0, 1, 3, 5])), { opcode: OPCODE.binary }))
}

const status = '"sizeBytes":0,"freeBytes":1,"totalBytes":1,"isInventoryDone":true,"isWritable":true'

/** Messages that a file-server may not send, as Socket.IO packets. Those that break the packet's form end the connection. */
// biome-ignore format: a table
const messages: readonly string[] = [
  '["heartbeat"]', '["heartbeat",null]', '["heartbeat",[]]', '["heartbeat",{}]', `["heartbeat",{"fileCount":-1,${status}}]`, `["heartbeat",{"fileCount":1e99,${status}}]`,
  `["heartbeat",{"fileCount":"1",${status}}]`, `["heartbeat",{"fileCount":1.5,${status}}]`, `["heartbeat",{"fileCount":1,"extra":1,${status}}]`, `["heartbeat",{"__proto__":{"fileCount":1},${status}}]`,
  '["stream-frame"]', '["stream-frame",{}]', '["stream-frame",null,null]', '["stream-frame",{"streamId":"0000000000000000","seq":0,"isLast":true},"x"]',
  '["stream-frame",{"streamId":"0000000000000000","seq":-1,"isLast":true},null]', '["stream-frame",{"streamId":"__proto__","seq":0,"isLast":true},{}]', '["stream-frame",{"streamId":"0000000000000000","seq":9007199254740993,"isLast":1},[]]',
  '["stream-error"]', '["stream-error",{}]', '["stream-error",{"streamId":"0000000000000000","error":{"name":"x"}}]', '["stream-error",{"streamId":"0000000000000000"},1,2,3]',
  '["unknown"]', '["error",{"x":1}]', '["__proto__",1]', '["constructor"]', '["upload-file",{}]', '["challenge",{}]', '["disconnecting"]', '["hasOwnProperty"]', '[1]', '[null]', '[{}]', '[]', '{}', '"x"',
]

export function badMessage(random: Random, number: number): string {
  const text = messages[number % messages.length] ?? '[]'
  const changed = number < messages.length * 2 ? text : random.flip(Buffer.from(text)).toString('latin1')
  return `42/file-server,${number % 2 === 0 ? '' : number}${changed}`
}
