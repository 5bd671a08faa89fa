import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { toStoreError } from '@holdfast/shared/errors/store-error'
import { parseFileName } from '@holdfast/shared/file-name'
import type { IncomingFile } from '../../src/bodies/incoming-file.ts'
import {
  type IncomingFileOptions,
  openIncomingFile,
  openIncomingFiles,
  openRawFile,
} from '../../src/bodies/open-incoming-file.ts'

type Handler = (request: IncomingMessage, response: ServerResponse, expectsContinue: boolean) => Promise<unknown>

export interface UploadServer extends AsyncDisposable {
  readonly port: number
  readonly url: string
  /** Says what became of each request, in order of their ends. */
  readonly outcomes: readonly string[]
}

/** Starts an HTTP server on an ephemeral port that answers with what the handler returns, or with its error's name. */
export async function startUploadServer(handler: Handler): Promise<UploadServer> {
  const outcomes: string[] = []
  const answer = async (request: IncomingMessage, response: ServerResponse, expectsContinue: boolean) => {
    try {
      const result = await handler(request, response, expectsContinue)
      outcomes.push('ok')
      response.end(JSON.stringify(result))
    } catch (error) {
      const { name } = toStoreError(error)
      outcomes.push(name)
      response.setHeader('connection', 'close')
      response.end(JSON.stringify({ error: name }))
    }
  }
  const server = createServer({ requestTimeout: 0 }, (request, response) => void answer(request, response, false))
  server.on('checkContinue', (request, response) => void answer(request, response, true))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    port,
    url: `http://127.0.0.1:${port}/file`,
    outcomes,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

type Options = Partial<IncomingFileOptions> & Pick<IncomingFileOptions, 'maxFileBytes'>

const reading = (response: ServerResponse, expectsContinue: boolean) => ({
  patienceMs: 30_000,
  beforeFirstRead: expectsContinue ? () => response.writeContinue() : undefined,
})

/** Reads a whole upload, as a manager would. */
export function receive(options: Options): Handler {
  return async (request, response, expectsContinue) =>
    readFile(await openIncomingFile(request, { ...reading(response, expectsContinue), ...options }))
}

/** Reads a body that is the file itself. */
export function receiveRaw(options: Options): Handler {
  const name = parseFileName('raw')
  return async (request, response, expectsContinue) =>
    readFile(await openRawFile(request, { ...reading(response, expectsContinue), ...options, name }))
}

/** Reads a form with several files. */
export function receiveAll(options: Options): Handler {
  return async (request, response, expectsContinue) => {
    const all = { ...reading(response, expectsContinue), ...options }
    const { fields, files } = await openIncomingFiles(request, all)
    const read: unknown[] = []
    for await (const file of files) read.push(await readFile(file))
    return { fields: Object.fromEntries(fields), files: read }
  }
}

async function readFile(file: IncomingFile) {
  const pieces: Buffer[] = []
  for await (const piece of file.bytes.all(async () => undefined)) pieces.push(piece)
  const name = await file.finish()
  const bytes = Buffer.concat(pieces)
  const content = file.bytes.encoding === 'base64' ? Buffer.from(bytes.toString(), 'base64') : bytes
  return { name, earlyName: file.earlyName, encoding: file.bytes.encoding, content: content.toString('hex') }
}
