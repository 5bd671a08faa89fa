import { createReadStream } from 'node:fs'
import { mkdir, open, readFile, rename, stat, unlink } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { decodeUpload } from './decode-upload.ts'
import { serve } from './serve.ts'

/**
 * Somebody would write this by hand to keep files durably: Node's own HTTP server, no framework, no database, default settings.
 * It takes JSON with base64 by POST and a file as it is by PUT.
 * Every file is written, fsynced, renamed to its name, and its directory fsynced before the answer.
 */
const directory = process.env.DIRECTORY ?? ''
/** Up to this size a file is read whole, which is cheaper than a stream. */
const WHOLE_MAX_BYTES = 1024 * 1024
let uploadCount = 0

interface Upload {
  readonly filename: string
  readonly bytes: Buffer | AsyncIterable<Buffer>
}

async function readRaw(request: IncomingMessage): Promise<Upload> {
  const filename = filenameOf(request)
  if (Number(request.headers['content-length']) > WHOLE_MAX_BYTES) return { filename, bytes: request }
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece)
  return { filename, bytes: Buffer.concat(pieces) }
}

async function upload({ filename, bytes }: Upload, response: ServerResponse): Promise<void> {
  const unfinished = join(directory, `${uploadCount++}.unfinished`)
  const file = await open(unfinished, 'wx')
  try {
    if (Buffer.isBuffer(bytes)) await file.writeFile(bytes)
    else for await (const piece of bytes) await file.write(piece)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(unfinished, pathOf(filename))
  await syncDirectory()
  send(response, 201, filename)
}

async function download(filename: string, response: ServerResponse): Promise<void> {
  const path = pathOf(filename)
  const { size } = await stat(path)
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': size })
  if (size <= WHOLE_MAX_BYTES) response.end(await readFile(path))
  else await pipeline(createReadStream(path, { highWaterMark: 256 * 1024 }), response)
}

async function remove(filename: string, response: ServerResponse): Promise<void> {
  await unlink(pathOf(filename))
  await syncDirectory()
  send(response, 200, filename)
}

async function syncDirectory(): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function send(response: ServerResponse, status: number, filename: string): void {
  const body = JSON.stringify({ filename })
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length }).end(body)
}

function pathOf(filename: string): string {
  if (!/^[\w-]+$/.test(filename)) throw new Error(`not a name of the benchmark: ${filename}`)
  return join(directory, filename)
}

function filenameOf(request: IncomingMessage): string {
  return (request.url ?? '').slice('/file/'.length)
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method === 'PUT') return upload(await readRaw(request), response)
  if (request.method === 'POST')
    return upload(await decodeUpload(request, Number(request.headers['content-length'])), response)
  const filename = filenameOf(request)
  return request.method === 'DELETE' ? remove(filename, response) : download(filename, response)
}

await mkdir(directory, { recursive: true })
serve(
  createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      console.error(error)
      response.destroy()
    })
  }),
)
