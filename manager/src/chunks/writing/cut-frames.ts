import type { FrameBuffers } from '@holdfast/shared/wire/frame-buffers'

/** Cuts a stream of pieces of any size into whole frames, the last one shorter. It holds one frame at most. */
export async function* cutFrames(chunks: AsyncIterable<Uint8Array>, buffers: FrameBuffers): AsyncGenerator<Buffer> {
  const { frameBytes } = buffers
  let frame = buffers.take()
  let filled = 0
  for await (const chunk of chunks) {
    for (let offset = 0; offset < chunk.length; ) {
      const take = Math.min(chunk.length - offset, frameBytes - filled)
      frame.set(chunk.subarray(offset, offset + take), filled)
      filled += take
      offset += take
      if (filled === frameBytes) {
        yield frame
        frame = buffers.take()
        filled = 0
      }
    }
  }
  if (filled > 0) yield frame.subarray(0, filled)
}
