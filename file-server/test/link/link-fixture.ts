import { createHash, randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import type { CopyId, Digest } from '@holdfast/shared/ids'
import type { Logger } from '@holdfast/shared/node/logger'
import { DATA_HEADER_BYTES, DATA_KEY_BYTES, type DataHeader, decodeDataHeader } from '@holdfast/shared/wire/data-frame'
import type { DataPortAck, StoredCopy } from '@holdfast/shared/wire/events'
import { afterEach } from 'vitest'
import { newCopyId } from '../../../shared/test/new-copy-id.ts'
import { DataPort } from '../../src/link/data-port.ts'
import { ManagerLinks } from '../../src/link/manager-links.ts'
import { SuspectClock } from '../../src/link/suspect-clock.ts'
import { Uploads } from '../../src/link/uploads.ts'
import type { Store } from '../../src/store/store.ts'
import { filesUnder, useDataDirectory } from '../store/store-fixture.ts'
import { type Dialled, type ManagerScript, ScriptedManager, SECRET } from './scripted-manager.ts'

/** Lines said of a link, for tests of what a person reads. */
export class RecordedLog {
  readonly lines: { level: string; message: string; [field: string]: unknown }[] = []

  asLogger(): Logger {
    const say =
      (level: string) =>
      (...args: unknown[]): void => {
        const [fields, message] = args.length === 1 ? [{}, args[0]] : args
        this.lines.push({ ...(fields as object), level, message: String(message) })
      }
    const log = { child: () => log, ...Object.fromEntries(['error', 'warn', 'info', 'debug'].map((l) => [l, say(l)])) }
    return log as unknown as Logger
  }

  find(message: string): RecordedLog['lines'] {
    return this.lines.filter((line) => line.message === message)
  }
}

export interface LinkedFileServer {
  readonly store: Store
  readonly uploads: Uploads
  readonly links: ManagerLinks
  readonly log: RecordedLog
}

export interface LinkOptions {
  readonly secret?: string
  readonly hasDataPort?: boolean
  readonly allowsLocalReads?: boolean
}

/** File-servers without a process of their own: a real store on disk, linked to scripted managers. All closed after each test. */
export function useFileServer() {
  const data = useDataDirectory()
  const running: (() => Promise<void> | void)[] = []
  afterEach(async () => {
    for (const close of running.splice(0).reverse()) await close()
  })

  const link = async (urls: readonly string[], options: LinkOptions = {}): Promise<LinkedFileServer> => {
    const { secret = SECRET, hasDataPort = true, allowsLocalReads = true } = options
    const store = await data.open()
    const uploads = new Uploads(store)
    const log = new RecordedLog()
    const dataPort = hasDataPort ? await DataPort.open('127.0.0.1', 0, log.asLogger()) : null
    const links = new ManagerLinks(urls, {
      store,
      uploads,
      suspects: new SuspectClock(() => performance.now()),
      dataPort,
      allowsLocalReads,
      secret,
      bootId: randomBytes(8).toString('hex'),
      name: 'test',
      log: log.asLogger(),
    })
    running.push(() => {
      links.close()
      dataPort?.close()
      return uploads.close()
    })
    return { store, uploads, links, log }
  }
  const startManager = async (script: ManagerScript = {}): Promise<ScriptedManager> => {
    const manager = await ScriptedManager.start(script)
    running.push(() => manager[Symbol.asyncDispose]())
    return manager
  }
  return {
    path: data.path,
    link,
    startManager,
    /** A file-server that one manager has admitted, and that manager's connection to it. */
    linked: async (
      script: ManagerScript = {},
      options: LinkOptions = {},
    ): Promise<LinkedFileServer & { manager: ScriptedManager; on: Dialled }> => {
      const manager = await startManager(script)
      const server = await link([manager.url], options)
      return { ...server, manager, on: await manager.connection(1, manager.admitted) }
    },
    /** What lies in the tree and the quarantine, `.part` files included. */
    files: async (): Promise<string[]> => [
      ...(await filesUnder(data.path('tree'))),
      ...(await filesUnder(data.path('quarantine'))),
    ],
  }
}

/** What a test dials a data port with: says what it is given, and keeps what it is told. */
export class DataCaller {
  readonly socket: Socket
  /** Resolves when either side has ended it. */
  readonly closed: Promise<void>
  #chunks: Buffer[] = []
  #onChange: () => void = () => undefined

  constructor(port: number, said: string | Uint8Array = '') {
    this.socket = connect({ host: '127.0.0.1', port, noDelay: true })
    this.socket.on('error', () => undefined) // every error is followed by a close
    this.socket.on('data', (chunk) => {
      this.#chunks.push(chunk)
      this.#onChange()
    })
    this.closed = new Promise((resolve) => {
      this.socket.once('close', () => {
        resolve()
        this.#onChange()
      })
    })
    this.say(said)
  }

  /** Says the key of that grant, and has the answer to it. */
  static async meet({ port, key, answer }: DataPortAck): Promise<DataCaller> {
    const caller = new DataCaller(port, key)
    const told = await caller.hear(DATA_KEY_BYTES)
    if (told.toString('hex') !== answer) throw new Error('another answer than the one that was granted')
    return caller
  }

  /** Text is hex. */
  say(said: string | Uint8Array): void {
    if (said.length > 0) this.socket.write(typeof said === 'string' ? Buffer.from(said, 'hex') : said)
  }

  /** All that was told. */
  get heard(): Buffer {
    const all = this.#chunks.length === 1 ? this.#chunks : [Buffer.concat(this.#chunks)]
    this.#chunks = all
    return all[0] ?? Buffer.alloc(0)
  }

  /** All that was told, when it is so many bytes. */
  async hear(bytes: number): Promise<Buffer> {
    const count = (): number => this.#chunks.reduce((sum, chunk) => sum + chunk.length, 0)
    while (count() < bytes) {
      if (this.socket.destroyed) throw new Error(`closed after ${count()} of ${bytes} bytes`)
      await new Promise<void>((resolve) => {
        this.#onChange = resolve
      })
    }
    return this.heard
  }

  /** So many frames after the answer. */
  async frames(count: number): Promise<(DataHeader & { bytes: Buffer })[]> {
    const frames: (DataHeader & { bytes: Buffer })[] = []
    let offset = DATA_KEY_BYTES
    while (frames.length < count) {
      const start = offset + DATA_HEADER_BYTES
      const header = decodeDataHeader((await this.hear(start)).subarray(offset, start))
      if (header === null) throw new Error('no header')
      offset = start + header.length
      frames.push({ ...header, bytes: (await this.hear(offset)).subarray(start, offset) })
    }
    if (this.heard.length > offset) throw new Error(`${this.heard.length - offset} bytes more than ${count} frames`)
    return frames
  }
}

export const digestOf = (bytes: Uint8Array): Digest => createHash('sha256').update(bytes).digest('hex') as Digest

export const uploadOf = (copyId: CopyId, fields: object = {}) => ({
  copyId,
  encoding: 'binary',
  sizeBytes: null,
  sha256: null,
  requestId: 'test',
  ...fields,
})

export async function uploadInline(on: Dialled, bytes: Buffer, copyId = newCopyId()): Promise<StoredCopy> {
  const { copy } = await on.call('upload-file', uploadOf(copyId), bytes)
  return copy as StoredCopy
}

export const namedOf = ({ copyId, slot, sha256 }: StoredCopy) => ({ copyId, slot, sha256 })
