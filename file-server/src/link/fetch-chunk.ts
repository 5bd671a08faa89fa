import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { fromWireError, StoreError } from '@holdfast/shared/errors/store-error'
import { parseJson } from '@holdfast/shared/parse-json'
import { STREAM_IDLE_TIMEOUT_MS } from '@holdfast/shared/wire/protocol'

/** Another file-server that takes longer to be reached is reached better through the manager. */
const CONNECT_TIMEOUT_MS = 3_000
/** The body of an error has fewer bytes. */
const MAX_ERROR_BYTES = 4_096

/**
 * Reads a chunk from another file-server's chunk port. @throws LINK_LOST where that is not reached or breaks off,
 * DEADLINE_EXCEEDED where nothing comes, and the errors that it answers with
 */
export async function* fetchChunk(url: string, ticket: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  const answer = await send(url, ticket, signal)
  try {
    if (answer.statusCode !== 200) throw await errorOf(answer)
    for await (const bytes of answer as AsyncIterable<Buffer>) yield bytes
    if (!answer.complete) throw new StoreError('LINK_LOST', 'the other file-server broke off')
  } catch (error) {
    throw translated(error, signal)
  } finally {
    answer.destroy()
  }
}

function send(url: string, ticket: string, signal: AbortSignal): Promise<IncomingMessage> {
  const request = url.startsWith('https:') ? requestHttps : requestHttp
  return new Promise((resolve, reject) => {
    const sent = request(url, { headers: { Authorization: `Bearer ${ticket}` }, signal, agent: false })
    const late = setTimeout(
      () => sent.destroy(new StoreError('LINK_LOST', 'the other file-server was not reached in time')),
      CONNECT_TIMEOUT_MS,
    )
    sent.on('socket', (socket) => {
      socket.once('connect', () => clearTimeout(late))
      socket.setTimeout(STREAM_IDLE_TIMEOUT_MS, () => socket.destroy(new StoreError('DEADLINE_EXCEEDED')))
    })
    sent.on('error', (error) => reject(translated(error, signal)))
    sent.on('close', () => clearTimeout(late))
    sent.on('response', resolve)
    sent.end()
  })
}

async function errorOf(answer: IncomingMessage): Promise<StoreError> {
  let text = ''
  for await (const bytes of answer as AsyncIterable<Buffer>) {
    text += bytes.toString('latin1')
    if (text.length > MAX_ERROR_BYTES) break
  }
  // The answer may be somebody else's, whose status says all that can be said.
  const { error, detail } = (parseJson(text) ?? {}) as { error?: unknown; detail?: unknown }
  const known = fromWireError({ name: error, detail })
  return known.name === 'INTERNAL' ? new StoreError('BAD_ANSWER', `the answer was ${answer.statusCode}`) : known
}

function translated(error: unknown, signal: AbortSignal): StoreError {
  if (signal.aborted) return signal.reason instanceof StoreError ? signal.reason : new StoreError('CANCELLED')
  return error instanceof StoreError ? error : new StoreError('LINK_LOST', undefined, { cause: error })
}
