import { PROTOCOL_VERSION } from '@holdfast/shared/wire/protocol'
import type { Random } from './random.ts'
import { ENGINE_PATH, frame, OPCODE, RawWebSocket, upgradeRequest } from './websocket.ts'

/** A stranger is let go after the handshake's five seconds, whatever it does. */
const CLOSE_DEADLINE_MS = 15_000

export interface HostileSocketInput {
  readonly what: string
  readonly request: Buffer
  /** The client writes them once the upgrade is done. */
  readonly frames: readonly Buffer[]
}

const NAMESPACE = '/file-server'
const hello = {
  protocol: PROTOCOL_VERSION,
  serverId: 'ab'.repeat(8),
  bootId: 'cd'.repeat(8),
  nonce: 'ef'.repeat(16),
  clusterId: null,
  name: 'evil',
  zone: 'evil',
  allowsLocalReads: false,
  chunkUrl: 'http://127.0.0.1:1',
}
const connectPacket = (auth: unknown): string => `40${NAMESPACE},${JSON.stringify(auth)}`

// biome-ignore format: a table
const auths: readonly unknown[] = [
  null, 1, 'x', [], [hello], {}, { protocol: 99 }, { protocol: '1' }, { ...hello, protocol: 1e308 }, { ...hello, protocol: null },
  { ...hello, serverId: '../../x' }, { ...hello, serverId: { $ne: 1 } }, { ...hello, serverId: 'x'.repeat(100_000) }, { ...hello, bootId: 7 },
  { ...hello, nonce: [] }, { ...hello, clusterId: '0'.repeat(16) }, { ...hello, clusterId: 'x' }, { ...hello, name: 'n'.repeat(101) },
  { ...hello, name: null }, { ...hello, zone: '' }, { ...hello, zone: 'z'.repeat(101) }, { ...hello, extra: 1 }, { ...hello, token: 'x' }, { toString: 1 }, { constructor: { prototype: {} } }, { length: 1e9 },
]

// biome-ignore format: a table
const engineTexts = [
  '', '0', '1', '2', '2probe', '3', '3probe', '5', '6', '7', '9', 'x', 'b', 'b!!!!', 'b4AAAA', '4', '{}', '\0', '2'.repeat(100_000), '٤',
  '40', '40,', '40{}', '40/', '40/,', '40/unknown,', '40/unknown', '40/__proto__,', '40/constructor,{}', '40/toString,', `40/${'n'.repeat(50_000)},`,
  `40${NAMESPACE}`, `40${NAMESPACE},{`, `40${NAMESPACE},[1`, `40${NAMESPACE},"`, `40${NAMESPACE}?x=1,{}`, `40${NAMESPACE}/,{}`, `40${NAMESPACE},${'['.repeat(100_000)}`,
  '41', `41${NAMESPACE},`, '42', '42[]', '42["x"]', '42[1]', '42[null]', '42{}', '42["__proto__"]', '42["constructor",1]', '42["disconnect"]', '42["error",{}]',
  '42["connect_error"]', '42["newListener"]', `42${NAMESPACE},["heartbeat",{}]`, `42${NAMESPACE},1["stream-frame",{},null]`, '4299999999999999999999["x"]',
  '42-1["x"]', '421e5["x"]', '43', '43[]', '431[]', `43${NAMESPACE},0[{"ok":true}]`, '43__proto__[]', '44', '44{}', '44"x"', '45', '45-', '45-["x"]', '450-["x"]',
  '451-', '451-["x"]', '451-["x",{"_placeholder":true,"num":0}]', '451-["x",{"_placeholder":true,"num":1}]', '451-["x",{"_placeholder":true,"num":-1}]',
  '451-["x",{"_placeholder":true,"num":"length"}]', '451-["x",{"_placeholder":true,"num":"__proto__"}]', '451-["x",{"_placeholder":true,"num":1e99}]',
  '451-["x",{"_placeholder":true}]', '4511-["x"]', '4510-["x"]', '45999999999999-["x"]', '45-1-["x"]', '451.5-["x"]', '45x-["x"]', `451-${NAMESPACE},["heartbeat"]`,
  '46', '461-[]', '461-1[{"_placeholder":true,"num":0}]', '47', '48', '49', '4a', '4-1', `42["${'\\ud800'.repeat(10)}"]`, '42["x",{"__proto__":{"x":1}}]',
]

const binaryFrame = (bytes: Buffer): Buffer => frame(bytes, { opcode: OPCODE.binary })

/** These frames break the WebSocket protocol itself. */
function brokenFrames(): [string, Buffer[]][] {
  const broken: [string, Buffer[]][] = [
    ['unmasked', [frame('2', { isMasked: false })]],
    ['a continuation of nothing', [frame('2', { opcode: OPCODE.continuation })]],
    ['a message in a message', [frame('4', { isFinal: false }), frame('2')]],
    ['a fragmented ping', [frame('', { opcode: OPCODE.ping, isFinal: false })]],
    ['a long ping', [frame('x'.repeat(126), { opcode: OPCODE.ping })]],
    ['text that is not UTF-8', [frame(Buffer.from([0x34, 0xff, 0xfe]))]],
    ['oversize', [frame(`4${'x'.repeat(700_000)}`)]],
    [
      'oversize in fragments',
      [
        frame('4', { isFinal: false }),
        ...Array.from({ length: 20 }, () => frame('x'.repeat(40_000), { opcode: OPCODE.continuation, isFinal: false })),
      ],
    ],
    [
      'many tiny fragments',
      [
        frame('4', { isFinal: false }),
        ...Array.from({ length: 20_000 }, () => frame('', { opcode: OPCODE.continuation, isFinal: false })),
      ],
    ],
    ['oversize binary', [binaryFrame(Buffer.alloc(700_000))]],
    ['binary before anything', [binaryFrame(Buffer.from([4, 50]))]],
    ['pings without end', Array.from({ length: 20_000 }, () => frame('x'.repeat(100), { opcode: OPCODE.ping }))],
    ['pongs without end', Array.from({ length: 20_000 }, () => frame('', { opcode: OPCODE.pong }))],
    ['engine pings without end', Array.from({ length: 10_000 }, () => frame('2'))],
    ['noise', [Buffer.from('GET / HTTP/1.1\r\n\r\n')]],
  ]
  for (const opcode of [3, 4, 7, 11, 15]) broken.push([`opcode ${opcode}`, [frame('x', { opcode })]])
  for (const reserved of [1, 2, 4, 7]) broken.push([`reserved bits ${reserved}`, [frame('2', { reserved })]])
  for (const claimedLength of [1_000_000n, 2n ** 32n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n])
    broken.push([`length ${claimedLength}`, [frame('2', { claimedLength })]])
  for (const code of [0, 999, 1004, 1005, 1006, 2999, 5000, 65_535]) {
    const payload = Buffer.alloc(2)
    payload.writeUInt16BE(code)
    broken.push([`close ${code}`, [frame(payload, { opcode: OPCODE.close })]])
  }
  broken.push(['close with one byte', [frame('x', { opcode: OPCODE.close })]])
  return broken
}

// biome-ignore format: a table
const paths = [
  '/socket.io/', '/socket.io/?', '/socket.io/?EIO=4', '/socket.io/?EIO=4&transport=', '/socket.io/?EIO=4&transport=polling', '/socket.io/?EIO=4&transport=__proto__',
  '/socket.io/?EIO=4&transport=webtransport', '/socket.io/?EIO=4&transport=constructor', '/socket.io/?EIO=3&transport=websocket', '/socket.io/?EIO=__proto__&transport=websocket',
  `${ENGINE_PATH}&sid=x`, `${ENGINE_PATH}&sid=__proto__`, `${ENGINE_PATH}&sid=`, `${ENGINE_PATH}&sid=a&sid=b`, '/socket.io/?transport=websocket&transport=polling&EIO=4', '/socket.iox',
  '/none', '/file/none', '/file', '/socket.io/../file', '//socket.io/', 'http://%@h/socket.io/?EIO=4&transport=websocket', 'http://[::1/socket.io/', '*', '/socket.io/?EIO=4&transport=websocket&%zz',
]

// biome-ignore format: a table
const handshakeHeaders: readonly string[][] = [
  ['Origin: http://evil'], ['Origin: null'], ['Origin: '], ['Sec-WebSocket-Key: x'], ['Sec-WebSocket-Key: '], ['Sec-WebSocket-Version: 12'], ['Sec-WebSocket-Version: x'],
  ['Upgrade: x'], ['Upgrade: websocket, h2c'], ['Connection: close'], ['Sec-WebSocket-Protocol: ,'], ['Sec-WebSocket-Protocol: \x80'], ['Sec-WebSocket-Extensions: ;;;,'],
  ['Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=99'], ['Content-Length: 10'], ['Transfer-Encoding: chunked'], ['Sec-WebSocket-Key: x', 'Origin: y'],
]

/**
 * Makes what strangers send at the Socket.IO door: handshakes, frames, packets, and events before they have proved
 * themselves.
 */
export function hostileSockets(random: Random, count: number): HostileSocketInput[] {
  const inputs: HostileSocketInput[] = []
  const add = (what: string, frames: readonly Buffer[], request = upgradeRequest()): unknown =>
    inputs.push({ what, request, frames })
  for (const path of paths) add(`path ${path}`, [], upgradeRequest(path))
  for (const headers of handshakeHeaders) add(`headers ${headers}`, [], upgradeRequest(ENGINE_PATH, headers))
  for (const [what, frames] of brokenFrames()) add(what, frames)
  for (const text of engineTexts) {
    add(text.slice(0, 80), [frame(text)])
    add(`${text.slice(0, 80)}, then bytes`, [frame(text), binaryFrame(Buffer.from('bytes'))])
    add(`after a refused hello: ${text.slice(0, 80)}`, [frame(connectPacket({})), frame(text)])
  }
  for (const auth of auths) add(`auth ${JSON.stringify(auth)?.slice(0, 80)}`, [frame(connectPacket(auth))])
  add('auth __proto__', [frame(`40${NAMESPACE},{"__proto__":{"protocol":1},"protocol":1}`)])
  add(
    'the same hello a thousand times',
    Array.from({ length: 1_000 }, () => frame(connectPacket(hello))),
  )
  for (const proof of [
    'null',
    '{}',
    '{"ok":true}',
    '{"ok":true,"proof":1}',
    `{"ok":true,"proof":"${'0'.repeat(64)}","heartbeat":{}}`,
    '{"ok":false,"error":{"name":"__proto__"}}',
  ]) {
    for (const before of [
      [],
      [`42${NAMESPACE},["heartbeat",{"copyCount":-1}]`],
      [`42${NAMESPACE},9["stream-frame",{"streamId":"x"},1]`, `42${NAMESPACE},["error",1]`],
    ]) {
      add(
        `a forged proof ${proof}`,
        [connectPacket(hello), ...before, `43${NAMESPACE},0[${proof}]`].map((text) => frame(text)),
      )
    }
  }
  while (inputs.length < count) {
    const text = Buffer.from(
      random.pick([
        engineTexts[random.int(engineTexts.length)] || '4',
        connectPacket(hello),
        connectPacket(auths[random.int(auths.length)]),
      ]),
    )
    const changed = random.flip(text.subarray(0, 2_000))
    if (random.int(3) > 0) add(`changed ${changed.toString('latin1')}`, [frame(changed), binaryFrame(random.bytes(20))])
    else add('changed frame', [random.flip(frame(text.subarray(0, 100)))])
  }
  return inputs
}

/** Sends it and waits for the end. @returns the handshake's status, `closed`, or that it stays open */
export async function meet(
  port: number,
  { request, frames }: HostileSocketInput,
): Promise<number | 'closed' | 'stays open'> {
  let timer: NodeJS.Timeout | undefined
  const socket = new RawWebSocket(port, request, { onOpen: (open) => open.write(Buffer.concat(frames)) })
  const late = new Promise<'stays open'>((resolve) => {
    timer = setTimeout(() => resolve('stays open'), CLOSE_DEADLINE_MS)
  })
  try {
    return await Promise.race([
      socket.closed.then((status) => (status === 101 || status === null ? 'closed' : status)),
      late,
    ])
  } finally {
    clearTimeout(timer)
    socket.destroy()
  }
}
