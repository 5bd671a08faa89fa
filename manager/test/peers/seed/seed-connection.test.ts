import { describe, expect, test, vi } from 'vitest'
import { bdecode } from '../../../../test/cluster/bdecode.ts'
import { handshakeOf, messageOf } from '../../../src/peers/seed/peer-messages.ts'
import type { SeedPortDeps } from '../../../src/peers/seed/seed-port.ts'
import { useDatabase } from '../../mongo/mongo-fixture.ts'
import { RawPeer } from './raw-peer.ts'
import { askForMetadata, BLOCK, listen, METADATA_ID, openSeed, portOf } from './seed-fixture.ts'
import { PIECE_BYTES, sha1, sha256 } from './stored-torrent.ts'

const used = useDatabase()
const open = (deps?: Partial<SeedPortDeps>) => openSeed(used, deps)

/** Loads a whole file as a client does that knows its info-hash alone. */
async function loadAll(port: number, infoHash: string, size: number) {
  const { peer, handshake, bitfield, extended } = await RawPeer.greet(port, infoHash)
  expect(handshake.toString('hex', 28, 48)).toBe(infoHash)
  expect(bitfield).toEqual({ id: 5, payload: Buffer.from('e0', 'hex') })
  const { m, metadata_size } = bdecode(extended.payload.subarray(1))
  expect([extended.id, extended.payload[0], m.ut_metadata]).toEqual([20, 0, 1])
  askForMetadata(peer, 0)
  const { payload } = await peer.message()
  const metadata = payload.subarray(payload.length - metadata_size)
  expect([payload[0], bdecode(payload.subarray(1, -metadata_size))]).toEqual([
    METADATA_ID,
    { msg_type: 1, piece: 0, total_size: metadata_size },
  ])
  peer.send(2)
  expect(await peer.message()).toEqual({ id: 1, payload: Buffer.alloc(0) })
  for (let at = 0; at < size; at += BLOCK)
    peer.request(Math.floor(at / PIECE_BYTES), at % PIECE_BYTES, Math.min(BLOCK, size - at))
  const blocks: Buffer[] = []
  for (let at = 0; at < size; at += BLOCK) {
    const { id, payload: block } = await peer.message()
    expect([id, block.readUInt32BE(0) * PIECE_BYTES + block.readUInt32BE(4)]).toEqual([7, at])
    blocks.push(block.subarray(8))
  }
  peer.socket.destroy()
  return { metadata, bytes: Buffer.concat(blocks) }
}

test('whoever knows an info-hash alone gets metadata and bytes, of version 1 and of both versions', async () => {
  const { port, hashes, bytes } = await open()
  const loaded = []
  for (const hash of hashes) loaded.push(await loadAll(port, hash, bytes.length))
  for (const one of loaded) expect(one.bytes.equals(bytes)).toBe(true)
  const [first, second, third] = loaded.map(({ metadata }) => metadata)
  expect([sha1(first ?? bytes), sha1(second ?? bytes), sha256(third ?? bytes).slice(0, 40)]).toEqual(hashes)
})

test('metadata comes in pieces of 16 KiB, and what lies behind is rejected', async () => {
  const info = Buffer.alloc(40_000, 'i')
  const torrent = { size: 1, pieceLength: 1, pieceCount: 1, info } as never
  const port = await portOf(listen({ find: async () => torrent }))
  const { peer } = await RawPeer.greet(port, '22'.repeat(20))
  for (const [piece, length] of [16_384, 16_384, 7_232].entries()) {
    askForMetadata(peer, piece)
    expect((await peer.message()).payload.subarray(-length).equals(info.subarray(0, length))).toBe(true)
  }
  for (const piece of [3, -1, 1e12]) {
    askForMetadata(peer, piece)
    expect(bdecode((await peer.message()).payload.subarray(1))).toEqual({ msg_type: 2, piece })
  }
})

describe('what no peer sends ends its connection, and no other', () => {
  const request = (index: number, begin: number, length: number) => (peer: RawPeer) => {
    peer.send(2)
    peer.request(index, begin, length)
  }
  const extended = (text: string) => (peer: RawPeer) => peer.send(20, Buffer.from(text, 'latin1'))
  test.each<[string, (peer: RawPeer) => void]>([
    ['a message that is too long', (peer) => peer.socket.write(Buffer.from('7fffffff14', 'hex'))],
    ['a request that is too short', (peer) => peer.send(6, Buffer.alloc(11))],
    ['a block of no bytes', request(0, 0, 0)],
    ['a block that is too long', request(0, 0, 128 * 1024 + 1)],
    ['a block behind the end of a piece', request(0, PIECE_BYTES - 1, 2)],
    ['a block behind the end of the file', request(2, 600_000 - 2 * PIECE_BYTES, 1)],
    ['a piece that there is not', request(2 ** 32 - 1, 0, 1)],
    ['a block that nobody has asked for', (peer) => peer.send(7, Buffer.alloc(100))],
    ['an extended message that is too long', extended(`\0${'1:a'.repeat(2_000)}`)],
    ['an extended handshake that is none', extended('\0l-3:')],
    ['an id of metadata that is none', extended('\0d1:md11:ut_metadatai-1eee')],
    ['metadata asked for without a piece', extended('\x01d8:msg_typei0ee')],
  ])('%s', async (_name, send) => {
    const { greet } = await open()
    const [hostile, other] = [await greet(), await greet()]
    send(hostile.peer)
    await hostile.peer.ended()
    other.peer.send(2)
    expect((await other.peer.message()).id).toBe(1)
  })

  test.each([
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['the beginning of an encrypted handshake', Buffer.alloc(96, 0x42)],
    ['an info-hash of nothing that is stored', handshakeOf('11'.repeat(20), Buffer.alloc(20))],
  ])('%s', async (_name, bytes) => {
    const { port } = await open()
    const peer = await RawPeer.connect(port)
    peer.socket.write(bytes)
    await peer.ended()
  })

  test('but 10,000 messages that say nothing of use are passed over', async () => {
    const { greet, bytes } = await open()
    const { peer } = await greet()
    peer.socket.write(Buffer.concat(Array.from({ length: 10_000 }, () => messageOf(4, Buffer.alloc(4)))))
    request(0, 0, BLOCK)(peer)
    expect((await peer.message()).id).toBe(1)
    expect((await peer.message()).payload.subarray(8).equals(bytes.subarray(0, BLOCK))).toBe(true)
  })
})

test('a file that was deleted is given to nobody who comes then', async () => {
  const { port, files, record, hashes } = await open()
  await files.markDeletedById(record._id)
  const peer = await RawPeer.connect(port)
  peer.socket.write(handshakeOf(hashes[0], Buffer.alloc(20)))
  await peer.ended()
})

test('a block that cannot be read ends the connection that asked for it', async () => {
  const { greet } = await open({
    parts: { read: () => Promise.reject(new Error('no disk')) },
  })
  const { peer } = await greet()
  peer.send(2)
  peer.request(0, 0, BLOCK)
  await peer.ended()
})

test('a request that is called off is not answered, and so many wait that nothing more is read', async () => {
  let goOn: () => void = () => undefined
  const gate = new Promise<void>((resolve) => {
    goOn = resolve
  })
  const read = vi.fn(() => gate)
  const { greet } = await open({ parts: { read } })
  const { peer } = await greet()
  peer.send(2)
  for (let index = 0; index < 3; index++) peer.request(index, 0, 1)
  const cancel = Buffer.alloc(12)
  cancel.writeUInt32BE(1, 0)
  cancel.writeUInt32BE(1, 8)
  peer.send(8, cancel)
  for (let number = 0; number < 1_500; number++) peer.request(0, number, 1)
  expect((await peer.message()).id).toBe(1)
  await vi.waitFor(() => expect(read).toHaveBeenCalledTimes(1))
  goOn()
  const answers: number[] = []
  for (let number = 0; number < 1_502; number++) answers.push((await peer.message()).payload.readUInt32BE(0))
  expect(answers.slice(0, 3)).toEqual([0, 2, 0])
})

test('hashes of version 2 are refused, for those of version 1 do', async () => {
  const { greet } = await open()
  const { peer } = await greet()
  const wanted = Buffer.alloc(48, 1)
  peer.send(21, wanted)
  expect(await peer.message()).toEqual({ id: 23, payload: wanted })
})
