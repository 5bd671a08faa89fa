import { createHash, randomBytes } from 'node:crypto'
import type { CopyId, Digest, Slot } from '@holdfast/shared/ids'
import { FRAME_BYTES } from '@holdfast/shared/limits'
import { expect, test, vi } from 'vitest'
import { transferCopy } from '../../../src/chunks/writing/transfer-copy.ts'
import {
  type Ack,
  leftOf,
  linkOf,
  newCopyId,
  nothing,
  type ScriptedFileServer,
  useSocketServer,
} from '../scripted-file-server.ts'

const { start } = useSocketServer()
const SIZE = 5 * FRAME_BYTES + 7
const digestOf = (bytes: Uint8Array): Digest => createHash('sha256').update(bytes).digest('hex') as Digest

/** Connects two file-servers: one has a copy and sends it, the other stores what comes if its digest is right. */
async function pair(bytes = randomBytes(SIZE)) {
  const { registry, dial } = await start()
  const peers = { source: dial({ name: 'source' }), target: dial({ name: 'target' }) }
  const links = { source: await linkOf(registry, peers.source), target: await linkOf(registry, peers.target) }
  const from = { copyId: newCopyId(), slot: 3 as Slot, sha256: digestOf(bytes) }
  const acks: unknown[] = []
  sendOnTransfer(peers.source, { sizeBytes: bytes.length }, async (send) => {
    const frameCount = Math.max(1, Math.ceil(bytes.length / FRAME_BYTES))
    for (let seq = 0; seq < frameCount; seq++)
      acks.push(await send(seq, seq === frameCount - 1, bytes.subarray(seq * FRAME_BYTES, (seq + 1) * FRAME_BYTES)))
  })
  const target = serveUploads(peers.target)
  const transfer = { from, to: newCopyId(), sizeBytes: bytes.length }
  const nothingIsLeft = (): Promise<void> =>
    vi.waitFor(() => expect([leftOf(links.source), leftOf(links.target)]).toEqual([nothing, nothing]))
  return { peers, links, transfer, acks, bytes, nothingIsLeft, ...target }
}

type Send = (seq: number, isLast: boolean, bytes: Buffer) => Promise<unknown>

function sendOnTransfer(peer: ScriptedFileServer, ack: object, run: (send: Send, streamId: string) => unknown): void {
  peer.answer('transfer-file', ({ streamId }: { streamId: string }, give: Ack) => {
    give({ ok: true, ...ack })
    void run((seq, isLast, bytes) => peer.send('stream-frame', { streamId, seq, isLast }, bytes), streamId)
  })
}

function serveUploads(peer: ScriptedFileServer): { stored: Buffer[]; deletes: CopyId[] } {
  const stored: Buffer[] = []
  const deletes: CopyId[] = []
  let received: Buffer[] = []
  let sha256: Digest | null = null
  peer.answer('open-upload', (command: { sha256: Digest | null }, ack: Ack) => {
    received = []
    sha256 = command.sha256
    ack({ ok: true, kind: 'go-on' })
  })
  peer.answer('upload-frame', (_frame: unknown, bytes: Buffer, ack: Ack) => {
    received.push(bytes)
    ack({ ok: true })
  })
  peer.answer('upload-end', ({ copyId }: { copyId: CopyId }, ack: Ack) => {
    const whole = Buffer.concat(received)
    if (digestOf(whole) !== sha256) return ack({ ok: false, error: { name: 'DIGEST_MISMATCH' } })
    stored.push(whole)
    ack({
      ok: true,
      copy: {
        copyId,
        slot: 9,
        sizeBytes: whole.length,
        sha256,
        partTags: Buffer.alloc(0),
      },
    })
  })
  peer.answer('delete-file', ({ copyId }: { copyId: CopyId }, ack: Ack) => {
    deletes.push(copyId)
    ack({ ok: true, existed: false })
  })
  return { stored, deletes }
}

test.each([0, 1, FRAME_BYTES, FRAME_BYTES + 1, SIZE])(
  'relays a copy of %i bytes from one file-server to another',
  async (size) => {
    const { links, transfer, stored, bytes, acks, nothingIsLeft } = await pair(randomBytes(size))
    const copy = await transferCopy(links.source, links.target, transfer)
    expect(copy).toMatchObject({ copyId: transfer.to, slot: 9, sizeBytes: size })
    expect(stored[0]?.equals(bytes)).toBe(true)
    await vi.waitFor(() => expect(acks).toHaveLength(Math.max(1, Math.ceil(size / FRAME_BYTES))))
    expect(acks.every((ack) => (ack as { ok: boolean }).ok)).toBe(true)
    await nothingIsLeft()
  },
)

test('takes from the source no faster than the target does', async () => {
  const { links, transfer, peers, acks } = await pair()
  const held: Ack[] = []
  peers.target.answer('upload-frame', (_frame: unknown, _bytes: Buffer, ack: Ack) => void held.push(ack))
  const controller = new AbortController()
  const outcome = transferCopy(links.source, links.target, transfer, controller.signal).catch(() => undefined)
  await vi.waitFor(() => expect(held).toHaveLength(1))
  await links.source.call('welcome', { managers: [] }, { deadlineMs: 5_000 })
  expect(acks.length).toBeLessThanOrEqual(1)
  controller.abort()
  await outcome
})

test('wrong bytes do not become a copy', async () => {
  const { links, transfer, peers, stored, deletes, nothingIsLeft } = await pair()
  sendOnTransfer(peers.source, { sizeBytes: SIZE }, async (send) => {
    for (let seq = 0; seq < 5; seq++) await send(seq, false, Buffer.alloc(FRAME_BYTES))
    await send(5, true, Buffer.alloc(7))
  })
  await expect(transferCopy(links.source, links.target, transfer)).rejects.toMatchObject({ name: 'DIGEST_MISMATCH' })
  await vi.waitFor(() => expect(deletes).toEqual([transfer.to]))
  expect(stored).toEqual([])
  await nothingIsLeft()
})

test('a source that sends without end is cut off at the size of the copy', async () => {
  const { links, transfer, peers, stored, deletes, nothingIsLeft } = await pair()
  let refusedAt: number | null = null
  sendOnTransfer(peers.source, { sizeBytes: SIZE }, async (send) => {
    for (let seq = 0; seq < 100 && refusedAt === null; seq++) {
      const ack = (await send(seq, false, Buffer.alloc(FRAME_BYTES))) as { ok: boolean }
      if (!ack.ok) refusedAt = seq
    }
  })
  await expect(transferCopy(links.source, links.target, transfer)).rejects.toMatchObject({ name: 'COPY_MISMATCH' })
  await vi.waitFor(() => expect([refusedAt, deletes]).toEqual([5, [transfer.to]]))
  expect(stored).toEqual([])
  await nothingIsLeft()
})

test('a source that sends all frames at once, some of them twice, is put in order', async () => {
  const { links, transfer, peers, stored, bytes } = await pair(randomBytes(5 * FRAME_BYTES))
  sendOnTransfer(peers.source, { sizeBytes: 5 * FRAME_BYTES }, async (send) => {
    for (let seq = 0; seq < 5; seq++)
      for (let time = 0; time < 2; time++)
        void send(seq, seq === 4, bytes.subarray(seq * FRAME_BYTES, (seq + 1) * FRAME_BYTES))
  })
  await transferCopy(links.source, links.target, transfer)
  expect(stored[0]?.equals(bytes)).toBe(true)
})

test('a source that ends early does not become a copy', async () => {
  const { links, transfer, peers, stored } = await pair()
  sendOnTransfer(peers.source, { sizeBytes: SIZE }, (send) => send(0, true, Buffer.alloc(FRAME_BYTES)))
  await expect(transferCopy(links.source, links.target, transfer)).rejects.toMatchObject({ name: 'DIGEST_MISMATCH' })
  expect(stored).toEqual([])
})

test.each<[string, object, string]>([
  ['another size', { sizeBytes: 5 }, 'COPY_MISMATCH'],
  ['no size', {}, 'BAD_ANSWER'],
  ['a size that is none', { sizeBytes: -1 }, 'BAD_ANSWER'],
  ['a refusal', { ok: false, error: { name: 'COPY_NOT_FOUND' } }, 'COPY_NOT_FOUND'],
])('a source that answers with %s sends the target nothing', async (_, ack, name) => {
  const { links, transfer, peers, nothingIsLeft } = await pair()
  sendOnTransfer(peers.source, ack, () => undefined)
  const uploads = vi.fn()
  peers.target.answer('open-upload', uploads)
  await expect(transferCopy(links.source, links.target, transfer)).rejects.toMatchObject({ name })
  expect(uploads).not.toHaveBeenCalled()
  await nothingIsLeft()
})

test('the stream’s own error ends the transfer, and the target’s part is deleted', async () => {
  const { links, transfer, peers, deletes, nothingIsLeft } = await pair()
  sendOnTransfer(peers.source, { sizeBytes: SIZE }, async (send, streamId) => {
    await send(0, false, Buffer.alloc(FRAME_BYTES))
    await peers.source.send('stream-error', { streamId, error: { name: 'COPY_NOT_FOUND' } })
  })
  // The first frame is acknowledged when the second one is asked for.
  await expect(transferCopy(links.source, links.target, transfer)).rejects.toMatchObject({ name: 'COPY_NOT_FOUND' })
  await vi.waitFor(() => expect(deletes).toEqual([transfer.to]))
  await nothingIsLeft()
})

test.each<['source' | 'target', string]>([
  ['source', 'transfer-file'],
  ['target', 'open-upload'],
  ['target', 'upload-frame'],
  ['target', 'upload-end'],
])('where the %s goes away at %s the transfer ends at once, with nothing left', async (side, event) => {
  const { links, transfer, peers, nothingIsLeft } = await pair()
  peers[side].answer(event, () => void peers[side].socket.disconnect())
  const startedAt = performance.now()
  await expect(transferCopy(links.source, links.target, transfer)).rejects.toMatchObject({ name: 'LINK_LOST' })
  expect(performance.now() - startedAt).toBeLessThan(8_000)
  await nothingIsLeft()
})

test('a source that goes away in the middle of its frames ends the transfer at once', async () => {
  const { links, transfer, peers, deletes, nothingIsLeft } = await pair()
  sendOnTransfer(peers.source, { sizeBytes: SIZE }, async (send) => {
    await send(0, false, Buffer.alloc(FRAME_BYTES))
    peers.source.socket.disconnect()
  })
  await expect(transferCopy(links.source, links.target, transfer)).rejects.toMatchObject({ name: 'LINK_LOST' })
  await vi.waitFor(() => expect(deletes).toEqual([transfer.to]))
  await nothingIsLeft()
})

test('a target that refuses in the middle tells the source to stop', async () => {
  const { links, transfer, peers, acks, nothingIsLeft } = await pair()
  let frameCount = 0
  peers.target.answer('upload-frame', (_frame: unknown, _bytes: Buffer, ack: Ack) =>
    ack(++frameCount === 2 ? { ok: false, error: { name: 'DISK_FULL' } } : { ok: true }),
  )
  await expect(transferCopy(links.source, links.target, transfer)).rejects.toMatchObject({ name: 'DISK_FULL' })
  await vi.waitFor(() => expect(acks.at(-1)).toMatchObject({ ok: false, error: { name: 'CANCELLED' } }))
  await nothingIsLeft()
})

test('a shutdown in the middle ends the transfer, and the target’s part is deleted', async () => {
  const { links, transfer, peers, deletes, nothingIsLeft } = await pair()
  const controller = new AbortController()
  peers.target.answer('upload-frame', () => controller.abort())
  await expect(transferCopy(links.source, links.target, transfer, controller.signal)).rejects.toMatchObject({
    name: 'CANCELLED',
  })
  await vi.waitFor(() => expect(deletes).toEqual([transfer.to]))
  await nothingIsLeft()
})
