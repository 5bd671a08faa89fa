import type { BufferPool, PooledBuffer } from '@holdfast/shared/wire/buffer-pool'

/** Cuts a stream of pieces of any size into whole frames, the last one shorter. It holds one frame at most. */
export async function* cutFrames(chunks: AsyncIterable<Uint8Array>, buffers: BufferPool): AsyncGenerator<PooledBuffer> {
  let frame = buffers.take()
  let filled = 0
  for await (const chunk of chunks) {
    for (let offset = 0; offset < chunk.length; ) {
      const take = Math.min(chunk.length - offset, frame.bytes.length - filled)
      frame.bytes.set(chunk.subarray(offset, offset + take), filled)
      filled += take
      offset += take
      if (filled === frame.bytes.length) {
        yield frame
        frame = buffers.take()
        filled = 0
      }
    }
  }
  if (filled > 0) yield { ...frame, bytes: frame.bytes.subarray(0, filled) }
  else frame.giveBack()
}
