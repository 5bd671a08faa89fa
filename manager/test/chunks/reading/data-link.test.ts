import { randomBytes } from 'node:crypto'
import { FRAME_BYTES } from '@holdfast/shared/limits'
import { encodeDataHeader } from '@holdfast/shared/wire/data-frame'
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { ended, MemorySink, readToHere, useDataLinks } from './data-link-fixture.ts'
import { frameOf, framesOf, newStreamId } from './scripted-data-port.ts'

const { openPort, linkTo, openLink } = useDataLinks()

test('the bytes of every stream land in its own memory, however they are framed, mixed and cut', async () => {
  const { port, link } = await openLink()
  const size = fc.oneof(fc.nat(40), fc.nat(FRAME_BYTES), fc.constant(FRAME_BYTES))
  const streams = fc.array(fc.array(size, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 4 })
  const turns = fc.array(fc.nat(3), { minLength: 1, maxLength: 20 })
  /** Near the borders of frames, and anywhere. */
  const cuts = fc.array(fc.tuple(fc.nat(20), fc.oneof(fc.integer({ min: -20, max: 20 }), fc.nat(FRAME_BYTES))), {
    maxLength: 30,
  })
  const property = fc.asyncProperty(streams, turns, cuts, async (sizes, order, wishes) => {
    const sent = sizes.map((frames) => {
      const bytes = randomBytes(frames.reduce((sum, length) => sum + length, 0))
      return { bytes, sink: new MemorySink(link, bytes.length), at: 0, left: [...frames] }
    })
    const frames: Buffer[] = []
    for (let step = 0; sent.some(({ left }) => left.length > 0); step++) {
      const waiting = sent.filter(({ left }) => left.length > 0)
      const stream = waiting[(order[step % order.length] ?? 0) % waiting.length]
      const length = stream?.left.shift()
      if (stream === undefined || length === undefined) break
      const bytes = stream.bytes.subarray(stream.at, stream.at + length)
      frames.push(frameOf(stream.sink.streamId, bytes, stream.left.length === 0))
      stream.at += length
    }
    const all = Buffer.concat(frames)
    const borders = frames.map((_, index) => Buffer.concat(frames.slice(0, index)).length)
    const places = wishes.map(([frame, offset]) => (borders[frame % borders.length] ?? 0) + offset)
    await port.send(
      all,
      places.filter((place) => place > 0 && place < all.length).sort((a, b) => a - b),
    )
    await ended(...sent.map(({ sink }) => sink))
    await readToHere(port, link)
    for (const { bytes, sink } of sent) {
      expect([sink.ends, sink.filledBytes]).toEqual([['end'], bytes.length])
      expect(sink.memory.equals(bytes)).toBe(true)
      link.forget(sink.streamId)
    }
  })
  await fc.assert(property, { numRuns: 25 })
  expect(port.dialCount).toBe(1)
})

test('bytes that come one by one with the answer are taken as well', async () => {
  const port = await openPort(() => null)
  const { link } = linkTo(async () => port.ack())
  const met = port.next()
  link.isOpen()
  await met
  const sink = new MemorySink(link, 30)
  const bytes = randomBytes(30)
  const all = Buffer.concat([port.answer, framesOf(sink.streamId, bytes)])
  await port.send(
    all,
    Array.from(all.keys(), (index) => index + 1),
  )
  await ended(sink)
  expect([link.isOpen(), sink.ends, sink.memory.equals(bytes)]).toEqual([true, ['end'], true])
})

test('frames of a stream that nobody expects are read away, and the next one is right', async () => {
  const { port, link } = await openLink()
  const [bytes, strange] = [randomBytes(FRAME_BYTES + 9), randomBytes(3 * FRAME_BYTES + 1)]
  const sink = new MemorySink(link, bytes.length)
  await port.send(Buffer.concat([framesOf(newStreamId(), strange), framesOf(sink.streamId, bytes)]), [7, 70_000])
  await ended(sink)
  expect([sink.ends, sink.memory.equals(bytes)]).toEqual([['end'], true])
})

test('a frame longer than the room left for it fails its sink alone, and none of it is written', async () => {
  const { port, link } = await openLink()
  const [tight, other] = [new MemorySink(link, 1_500), new MemorySink(link, 2_000)]
  const bytes = randomBytes(2_000)
  await port.send(
    Buffer.concat([
      frameOf(tight.streamId, bytes.subarray(0, 1_000), false),
      frameOf(tight.streamId, bytes.subarray(0, 501), true),
      frameOf(other.streamId, bytes, true),
    ]),
  )
  await ended(tight, other)
  expect([tight.ends, other.ends]).toEqual([['COPY_MISMATCH'], ['end']])
  expect(tight.memory.equals(Buffer.concat([bytes.subarray(0, 1_000), Buffer.alloc(500)]))).toBe(true)
  expect(other.memory.equals(bytes)).toBe(true)
})

test('a sink that is forgotten in the middle of a frame gets nothing of later frames', async () => {
  const { port, link } = await openLink()
  const sink = new MemorySink(link, 3_000)
  const bytes = randomBytes(3_000)
  const first = frameOf(sink.streamId, bytes.subarray(0, 1_000), false)
  await port.send(first.subarray(0, 516))
  await vi.waitFor(() => expect(sink.filledBytes).toBe(500))
  link.forget(sink.streamId)
  await port.send(Buffer.concat([first.subarray(516), frameOf(sink.streamId, bytes.subarray(1_000), true)]))
  await readToHere(port, link)
  expect(sink.ends).toEqual([])
  expect(sink.filledBytes).toBeLessThanOrEqual(1_000)
  expect(sink.memory.subarray(1_000).equals(Buffer.alloc(2_000))).toBe(true)
})

test('a sink that wants no more in the middle of a frame costs the others nothing', async () => {
  const { port, link } = await openLink()
  const sink = new MemorySink(link, 1_000)
  const frame = frameOf(sink.streamId, randomBytes(1_000), true)
  await port.send(frame.subarray(0, 416))
  await vi.waitFor(() => expect(sink.filledBytes).toBe(400))
  sink.ends.push('enough')
  await port.send(frame.subarray(416), [100])
  await readToHere(port, link)
})

test('a stream that is sent twice, frame by frame, is there once; one with a frame missing fails alone', async () => {
  const { port, link } = await openLink()
  const bytes = randomBytes(3_000)
  const doubled = new MemorySink(link, 3_000)
  const torn = new MemorySink(link, 3_000)
  const frames = [0, 1, 2].flatMap((seq) => {
    const frame = frameOf(doubled.streamId, bytes.subarray(seq * 1_000, seq * 1_000 + 1_000), seq === 2, seq)
    return seq === 0 ? [frame, frame] : [frame, frameOf(doubled.streamId, randomBytes(1_000), false, 0), frame]
  })
  await port.send(Buffer.concat([frameOf(torn.streamId, randomBytes(10), false, 1), ...frames]))
  await ended(doubled, torn)
  await readToHere(port, link)
  expect([doubled.memory.equals(bytes), doubled.ends]).toEqual([true, ['end']])
  expect([torn.filledBytes, torn.ends]).toEqual([0, ['INVALID_REQUEST']])
})

test.each([
  ['of more than 512 KiB', FRAME_BYTES + 1],
  ['of 2 GiB', 2 ** 31 - 1],
])('a frame %s ends the connection, and all that was expected of it', async (_, length) => {
  const { port, link } = await openLink()
  const sinks = [new MemorySink(link, 2 * FRAME_BYTES), new MemorySink(link, 10)]
  const header = encodeDataHeader({ streamId: sinks[0]?.streamId ?? '', seq: 0, length, isLast: false })
  await port.send(Buffer.concat([header, Buffer.alloc(100, 1)]))
  await ended(...sinks)
  expect(sinks.map(({ ends, filledBytes }) => [ends, filledBytes])).toEqual([
    [['LINK_LOST'], 0],
    [['LINK_LOST'], 0],
  ])
  expect(link.isOpen()).toBe(false)
  await vi.waitFor(() => expect(port.open.size).toBe(0))
})
