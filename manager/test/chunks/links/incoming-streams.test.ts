import { StoreError } from '@holdfast/shared/errors/store-error'
import { FRAME_BYTES, MAX_UNACKED_BYTES } from '@holdfast/shared/limits'
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { type FrameSink, IncomingStreams } from '../../../src/chunks/links/incoming-streams.ts'

/** Makes a sink that keeps what it takes. */
class Kept implements FrameSink {
  readonly taken: number[] = []
  failure: StoreError | null = null
  take: () => Promise<void> = async () => undefined

  async frame(bytes: Uint8Array): Promise<void> {
    await this.take()
    this.taken.push(bytes[0] ?? -1)
  }

  fail(error: StoreError): void {
    this.failure = error
  }
}

test('frames reach their sink one after the other, in order, each once', async () => {
  const streams = new IncomingStreams()
  const sink = new Kept()
  let underWay = 0
  sink.take = async () => {
    expect(++underWay).toBe(1)
    await new Promise(setImmediate)
    underWay--
  }
  const id = streams.open(sink)
  const sent = [0, 1, 1, 0, 2, 3, 3].map((seq) => streams.frame(id, seq, false, Buffer.from([seq])))
  await Promise.all(sent)
  expect(sink.taken).toEqual([0, 1, 2, 3])
})

test('frames of a stream that is not open, or was closed, are told so', async () => {
  const streams = new IncomingStreams()
  await expect(streams.frame('ab'.repeat(8), 0, true, Buffer.alloc(1))).rejects.toMatchObject({ name: 'CANCELLED' })
  const id = streams.open(new Kept())
  streams.close(id)
  await expect(streams.frame(id, 0, true, Buffer.alloc(1))).rejects.toMatchObject({ name: 'CANCELLED' })
  expect(streams.openCount).toBe(0)
})

test('a sink that refuses a frame has refused all that come after it', async () => {
  const streams = new IncomingStreams()
  const sink = new Kept()
  sink.take = () => Promise.reject(new StoreError('COPY_MISMATCH'))
  const id = streams.open(sink)
  const outcomes = await Promise.allSettled([0, 1].map((seq) => streams.frame(id, seq, false, Buffer.from([seq]))))
  expect(outcomes.map((outcome) => outcome.status)).toEqual(['rejected', 'rejected'])
  expect(sink.taken).toEqual([])
})

test('a sender that ignores the budget is refused, and what waits is bounded', async () => {
  const streams = new IncomingStreams()
  const sink = new Kept()
  let release = (): void => undefined
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  sink.take = () => held
  const id = streams.open(sink)
  const frameCount = MAX_UNACKED_BYTES / FRAME_BYTES
  const sent = Array.from({ length: frameCount }, (_, seq) => streams.frame(id, seq, false, Buffer.alloc(FRAME_BYTES)))
  await expect(streams.frame(id, frameCount, false, Buffer.alloc(1))).rejects.toMatchObject({ name: 'OVERLOADED' })
  release()
  await Promise.all(sent)
  await streams.frame(id, frameCount, true, Buffer.alloc(1))
  expect(sink.taken).toHaveLength(frameCount + 1)
})

test('a lost connection fails every open stream, also those that end others', () => {
  const streams = new IncomingStreams()
  const sinks = Array.from({ length: 3 }, () => new Kept())
  const ids = sinks.map((sink) => streams.open(sink))
  const fail = vi.spyOn(sinks[0] ?? new Kept(), 'fail').mockImplementation(() => {
    for (const id of ids) streams.close(id)
  })
  streams.failAll(new StoreError('LINK_LOST'))
  expect(fail).toHaveBeenCalledTimes(1)
  expect(sinks.slice(1).map((sink) => sink.failure?.name)).toEqual(['LINK_LOST', 'LINK_LOST'])
})

test('whatever order and number the frames come in, the sink takes 0, 1, 2, … and nothing else', async () => {
  const property = fc.asyncProperty(fc.array(fc.nat(8), { maxLength: 40 }), async (seqs) => {
    const streams = new IncomingStreams()
    const sink = new Kept()
    const id = streams.open(sink)
    let next = 0
    for (const seq of seqs) {
      const outcome = await streams.frame(id, seq, false, Buffer.from([seq])).then(
        () => 'taken',
        (error: StoreError) => error.name,
      )
      expect(outcome).toBe(seq > next ? 'INVALID_REQUEST' : 'taken')
      if (seq === next) next++
    }
    expect(sink.taken).toEqual(Array.from({ length: next }, (_, index) => index))
  })
  await fc.assert(property, { numRuns: 200 })
})
