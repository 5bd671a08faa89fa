const alphabet = new TextEncoder().encode('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/')
const PADDING = 0x3d

/** Encodes without a copy through strings, wherever there is a Uint8Array. @returns base64 of `bytes` as ASCII. */
export function encodeBase64(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(Math.ceil(bytes.length / 3) * 4)
  const digit = (value: number): number => alphabet[value & 63] ?? 0
  let to = 0
  for (let from = 0; from < bytes.length; from += 3) {
    const group = ((bytes[from] ?? 0) << 16) | ((bytes[from + 1] ?? 0) << 8) | (bytes[from + 2] ?? 0)
    out[to++] = digit(group >> 18)
    out[to++] = digit(group >> 12)
    out[to++] = digit(group >> 6)
    out[to++] = digit(group)
  }
  const missing = (3 - (bytes.length % 3)) % 3
  for (let index = 0; index < missing; index += 1) out[out.length - 1 - index] = PADDING
  return out
}

/**
 * Encodes a stream whose chunks may have any length. It cuts at multiples of 3 bytes, so that only the end is padded.
 */
export async function* encodeBase64Stream(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let rest = new Uint8Array(0)
  for await (const chunk of source) {
    const joined = new Uint8Array(rest.length + chunk.length)
    joined.set(rest)
    joined.set(chunk, rest.length)
    const whole = joined.length - (joined.length % 3)
    rest = joined.slice(whole)
    if (whole > 0) yield encodeBase64(joined.subarray(0, whole))
  }
  if (rest.length > 0) yield encodeBase64(rest)
}
