import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type Agent, type IncomingMessage, request } from 'node:http'
import { type BenchFile, BLOCK_BYTES, contentOf, digestOf } from './contents.ts'

const IDLE_LIMIT_MS = 60_000
const bodies = new Map<string, Buffer>()

/** POST /file as JSON with base64. @throws where the answer is not 201. */
export async function uploadFile(url: string, agent: Agent, file: BenchFile): Promise<void> {
  const before = Buffer.from(`{"filename":"${file.name}","file":"`)
  const after = Buffer.from('"}')
  const length = before.length + Math.ceil(file.sizeBytes / 3) * 4 + after.length
  const headers = { 'content-type': 'application/json', 'content-length': length }
  const sent = request(`${url}/file`, { method: 'POST', agent, headers, timeout: IDLE_LIMIT_MS })
  sent.on('timeout', () => sent.destroy(new Error('timeout')))
  const answered = once(sent, 'response') as Promise<[IncomingMessage]>
  if (file.sizeBytes <= BLOCK_BYTES) {
    sent.end(Buffer.concat([before, base64Of(file), after], length))
  } else {
    // An early answer or a broken connection ends the wait for room.
    const over = answered.then(() => undefined)
    sent.write(before)
    for (const piece of base64Pieces(file)) if (!sent.write(piece)) await Promise.race([once(sent, 'drain'), over])
    sent.end(after)
  }
  const [response] = await answered
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk)
  if (response.statusCode !== 201) throw new Error(`POST ${file.name}: ${response.statusCode} ${Buffer.concat(chunks)}`)
}

/** GET /file/:name. @throws where the answer is not 200 or the bytes are not the file's. */
export async function downloadFile(url: string, agent: Agent, file: BenchFile): Promise<void> {
  const response = await send(`${url}/file/${file.name}`, 'GET', agent)
  const hash = createHash('sha256')
  for await (const chunk of response) hash.update(chunk)
  if (response.statusCode !== 200) throw new Error(`GET ${file.name}: ${response.statusCode}`)
  if (hash.digest('hex') !== digestOf(file)) throw new Error(`GET ${file.name}: wrong bytes`)
}

export async function deleteFile(url: string, agent: Agent, file: BenchFile): Promise<void> {
  const response = await send(`${url}/file/${file.name}`, 'DELETE', agent)
  response.resume()
  await once(response, 'end')
  if (response.statusCode !== 200) throw new Error(`DELETE ${file.name}: ${response.statusCode}`)
}

async function send(url: string, method: string, agent: Agent): Promise<IncomingMessage> {
  const sent = request(url, { method, agent, timeout: IDLE_LIMIT_MS })
  sent.on('timeout', () => sent.destroy(new Error('timeout')))
  const answered = once(sent, 'response') as Promise<[IncomingMessage]>
  sent.end()
  return (await answered)[0]
}

/** Encoded once: the generator must not be what is measured. */
function base64Of(file: BenchFile): Buffer {
  const key = `${file.sizeBytes} ${file.seed}`
  const known = bodies.get(key)
  if (known !== undefined) return known
  const body = Buffer.concat([...base64Pieces(file)])
  bodies.set(key, body)
  return body
}

function* base64Pieces(file: BenchFile): Generator<Buffer> {
  let last: { piece: Buffer; base64: Buffer } | undefined
  for (const piece of contentOf(file)) {
    if (last?.piece.length !== piece.length) last = { piece, base64: Buffer.from(piece.toString('base64'), 'latin1') }
    yield last.base64
  }
}
