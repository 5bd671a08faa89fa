import { type MessagePort, parentPort } from 'node:worker_threads'
import { AudioSource } from './audio-source.ts'
import { readCover, readMetadata } from './read-metadata.ts'
import type { FromThread, ToThread } from './thread-messages.ts'

/** This thread parses what strangers send, so that neither its time nor its memory is the manager's. */

const BUDGET = { bytes: 24 * 1024 ** 2, reads: 50_000 }

function serve(port: MessagePort): void {
  const waiting = new Map<number, (bytes: Uint8Array | null) => void>()
  let fetchCount = 0
  const tell = (message: FromThread): void => port.postMessage(message)
  const fetch = async (start: number, end: number): Promise<Buffer> => {
    const id = fetchCount++
    const bytes = await new Promise<Uint8Array | null>((resolve) => {
      waiting.set(id, resolve)
      tell({ kind: 'fetch', id, start, end })
    })
    if (bytes === null) throw new Error('its bytes cannot be had')
    return bufferOf(bytes)
  }
  port.on('message', async (message: ToThread) => {
    if (message.kind === 'bytes') {
      waiting.get(message.id)?.(message.bytes)
      waiting.delete(message.id)
      return
    }
    const source = new AudioSource({ size: message.size, head: bufferOf(message.head) }, fetch, BUDGET)
    if (message.wanted === 'metadata') tell({ kind: 'metadata', result: await readMetadata(source) })
    else tell({ kind: 'cover', cover: await readCover(source).catch(() => null) })
  })
}

function bufferOf({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length)
}

if (parentPort !== null) serve(parentPort)
