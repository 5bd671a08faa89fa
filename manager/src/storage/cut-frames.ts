/** Cuts a stream of chunks of any size into chunks of exactly `frameBytes`, the last one shorter. Holds one frame at most. */
export async function* cutFrames(chunks: AsyncIterable<Uint8Array>, frameBytes: number): AsyncGenerator<Buffer> {
  let frame = Buffer.allocUnsafe(frameBytes)
  let filled = 0
  for await (const chunk of chunks) {
    for (let offset = 0; offset < chunk.length; ) {
      const take = Math.min(chunk.length - offset, frameBytes - filled)
      frame.set(chunk.subarray(offset, offset + take), filled)
      filled += take
      offset += take
      if (filled === frameBytes) {
        yield frame
        frame = Buffer.allocUnsafe(frameBytes)
        filled = 0
      }
    }
  }
  if (filled > 0) yield frame.subarray(0, filled)
}
