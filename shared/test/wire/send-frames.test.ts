import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { WireError } from '@holdfast/shared/errors/store-error'
import { FRAME_BYTES, MAX_UNACKED_BYTES } from '@holdfast/shared/limits'
import type { PooledBuffer } from '@holdfast/shared/wire/buffer-pool'
import { FrameBudget } from '@holdfast/shared/wire/frame-budget'
import { encodeGroup } from '@holdfast/shared/wire/group'
import { Peer } from '@holdfast/shared/wire/peer'
import { type FrameSender, sendFrames } from '@holdfast/shared/wire/send-frames'
import { bytes, count } from '@holdfast/shared/wire/shapes'
import { Server, type Socket } from 'socket.io'
import { type Socket as ClientSocket, io } from 'socket.io-client'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { z } from 'zod'

type Ack = (error?: WireError | null) => void
type Frame = (seq: number, bytes: Uint8Array, ack: Ack) => void

const table = {
  frame: { argument: z.strictObject({ seq: count, bytes }), ack: z.object({}), deadlineMs: 10_000 },
}

let server: Server
let client: ClientSocket
let receiver: Socket
let budget: FrameBudget
let sender: FrameSender
let peer: Peer<typeof table>

beforeEach(async () => {
  const http = createServer()
  server = new Server(http, { transports: ['websocket'] })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const connected = new Promise<Socket>((resolve) => server.on('connection', resolve))
  const { port } = http.address() as AddressInfo
  client = io(`http://127.0.0.1:${port}`, { transports: ['websocket'], reconnection: false, forceNew: true })
  receiver = await connected
  if (!client.connected) await new Promise<void>((resolve) => client.on('connect', resolve))
  budget = new FrameBudget()
  peer = new Peer(client, table)
  sender = senderWithin(10_000)
})

afterEach(async () => {
  client.disconnect()
  await server.close()
})

const senderWithin = (deadlineMs: number): FrameSender => ({
  budget,
  send: (seq, bytes, signal) => peer.call('frame', { seq, bytes }, { deadlineMs, signal }),
})
const onFrame = (handle: Frame): void =>
  void receiver.on('frame', (id: number, { seq }: { seq: number }, bytes: Uint8Array) =>
    handle(seq, bytes, (error = null) => receiver.emit('acks', encodeGroup([{ head: [id, error, {}], bytes: null }]))),
  )
const good: Frame = (_seq, _bytes, ack) => ack()

/** Makes a source that counts what is taken of it, and says whether it was let go. */
class Source {
  takenCount = 0
  /** The indexes of frames whose memory may be used again. */
  readonly givenBack: number[] = []
  isClosed = false
  readonly #count: number
  readonly #bytes = Buffer.alloc(FRAME_BYTES, 7)
  readonly #beforeEach: (index: number) => Promise<void>

  constructor(count: number, beforeEach = async (_index: number): Promise<void> => undefined) {
    this.#count = count
    this.#beforeEach = beforeEach
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<PooledBuffer> {
    try {
      for (let index = 0; index < this.#count; index++) {
        await this.#beforeEach(index)
        this.takenCount++
        yield { bytes: this.#bytes, giveBack: () => this.givenBack.push(index) }
      }
    } finally {
      this.isClosed = true
    }
  }
}

function nothingIsLeft(): void {
  expect(budget.usedBytes).toBe(0)
  expect(peer.waitingCount).toBe(0)
}

test('frames arrive in order, none twice, and all are acknowledged before it ends', async () => {
  const seqs: number[] = []
  let ackedCount = 0
  onFrame((seq, _bytes, ack) => {
    seqs.push(seq)
    setImmediate(() => {
      ackedCount++
      ack()
    })
  })
  const source = new Source(100)
  expect(await sendFrames(sender, source)).toBe(100)
  expect(source.givenBack.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, index) => index))
  expect(seqs).toEqual(Array.from({ length: 100 }, (_, index) => index))
  expect(ackedCount).toBe(100)
  nothingIsLeft()
})

test('an empty source sends nothing and counts 0', async () => {
  onFrame(() => expect.unreachable())
  expect(await sendFrames(sender, new Source(0))).toBe(0)
  nothingIsLeft()
})

test('no more is unacknowledged than the budget allows, however slow the receiver', async () => {
  const held: Ack[] = []
  let mostBytes = 0
  onFrame((_seq, _bytes, ack) => {
    held.push(ack)
    mostBytes = Math.max(mostBytes, held.length * FRAME_BYTES)
    setTimeout(() => held.shift()?.(), 1)
  })
  const source = new Source(60)
  expect(await sendFrames(sender, source)).toBe(60)
  expect(mostBytes).toBeLessThanOrEqual(MAX_UNACKED_BYTES)
  nothingIsLeft()
})

test('two streams share one budget and both end', async () => {
  onFrame(good)
  const counts = await Promise.all([1, 2].map(() => sendFrames(sender, new Source(20))))
  expect(counts).toEqual([20, 20])
  nothingIsLeft()
})

test('an error ack ends the stream with that error, and the source is let go', async () => {
  onFrame((seq, _bytes, ack) => ack(seq === 3 ? { name: 'DISK_FULL' } : null))
  const source = new Source(10_000)
  await expect(sendFrames(sender, source)).rejects.toMatchObject({ name: 'DISK_FULL' })
  expect(source.givenBack).not.toContain(3)
  expect(source.takenCount).toBeLessThan(10_000)
  await vi.waitFor(() => expect(source.isClosed).toBe(true))
  nothingIsLeft()
})

test('a source that fails ends the stream with its error', async () => {
  onFrame(good)
  const source = new Source(10, async (index) => {
    if (index === 5) throw new Error('no such part')
  })
  await expect(sendFrames(sender, source)).rejects.toMatchObject({ name: 'INTERNAL', cause: new Error('no such part') })
  nothingIsLeft()
})

test('a signal ends the stream at once, also while its source stalls', async () => {
  onFrame(good)
  const source = new Source(10, async (index) => {
    if (index === 3) await new Promise(() => undefined)
  })
  const controller = new AbortController()
  const sending = sendFrames(sender, source, controller.signal)
  const failed = expect(sending).rejects.toMatchObject({ name: 'CANCELLED' })
  await vi.waitFor(() => expect([source.takenCount, budget.usedBytes]).toEqual([3, 0]))
  controller.abort()
  await failed
  nothingIsLeft()
})

test('a receiver that is gone shows while the source stalls, not when it wakes', async () => {
  onFrame((seq, _bytes, ack) => {
    if (seq === 0) ack()
    else receiver.disconnect(true)
  })
  const source = new Source(10, async (index) => {
    if (index === 2) await new Promise(() => undefined)
  })
  await expect(sendFrames(sender, source)).rejects.toMatchObject({ name: 'LINK_LOST' })
  nothingIsLeft()
})

test('a frame that nobody acknowledges ends the stream at its deadline', async () => {
  onFrame(() => undefined)
  const sending = sendFrames(senderWithin(30), new Source(10))
  await expect(sending).rejects.toMatchObject({ name: 'DEADLINE_EXCEEDED' })
  nothingIsLeft()
})

test('a signal that fires while all of the budget is used ends the wait for it', async () => {
  const held: Ack[] = []
  onFrame((_seq, _bytes, ack) => void held.push(ack))
  const controller = new AbortController()
  const source = new Source(100)
  const sending = sendFrames(sender, source, controller.signal)
  const failed = expect(sending).rejects.toMatchObject({ name: 'CANCELLED' })
  await vi.waitFor(() => expect([held.length, source.takenCount]).toEqual([1, 2]))
  controller.abort(new Error('the client hung up'))
  await failed
  expect(source.takenCount).toBe(2)
  nothingIsLeft()
})

test('a signal that fired before sends nothing and leaves no listener', async () => {
  onFrame(() => expect.unreachable())
  const controller = new AbortController()
  controller.abort()
  const add = vi.spyOn(controller.signal, 'addEventListener')
  const remove = vi.spyOn(controller.signal, 'removeEventListener')
  const source = new Source(10)
  await expect(sendFrames(sender, source, controller.signal)).rejects.toMatchObject({ name: 'CANCELLED' })
  expect(source.takenCount).toBe(0)
  expect(remove).toHaveBeenCalledTimes(add.mock.calls.length)
  nothingIsLeft()
})
