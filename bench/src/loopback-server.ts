import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { contentOf, parseFileName } from './contents.ts'
import { serve } from './serve.ts'

/** The machine's limit for any server in Node: bodies are read and thrown away, bytes come from memory. */
async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method === 'POST') {
    for await (const _ of request);
    response.writeHead(201, { 'content-type': 'application/json' }).end('{"filename":"a","id":"b"}')
    return
  }
  const file = parseFileName((request.url ?? '').slice('/file/'.length))
  if (file === null) {
    response.writeHead(404).end()
    return
  }
  response.writeHead(200, { 'content-length': file.sizeBytes })
  await pipeline(Readable.from(contentOf(file)), response)
}

serve(
  createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      console.error(error)
      response.destroy()
    })
  }),
)
