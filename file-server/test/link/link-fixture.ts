import { randomBytes } from 'node:crypto'
import type { CopyId } from '@holdfast/shared/ids'
import type { Logger } from '@holdfast/shared/node/logger'
import type { StoredCopy } from '@holdfast/shared/wire/shapes'
import { afterEach } from 'vitest'
import { newCopyId } from '../../../shared/test/new-copy-id.ts'
import { ManagerLinks } from '../../src/link/manager-links.ts'
import { SuspectClock } from '../../src/link/suspect-clock.ts'
import { Uploads } from '../../src/link/uploads.ts'
import type { Store } from '../../src/store/store.ts'
import { filesUnder, useDataDirectory } from '../store/store-fixture.ts'
import { type Dialled, type ManagerScript, ScriptedManager, SECRET } from './scripted-manager.ts'

/** Keeps the lines logged about a link, for tests of what a person reads. */
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
  readonly allowsLocalReads?: boolean
}

/**
 * These file-servers have no process of their own: each is a real store on disk, linked to scripted managers. They are
 * closed after each test.
 */
export function useFileServer() {
  const data = useDataDirectory()
  const running: (() => Promise<void> | void)[] = []
  afterEach(async () => {
    for (const close of running.splice(0).reverse()) await close()
  })

  const link = async (urls: readonly string[], options: LinkOptions = {}): Promise<LinkedFileServer> => {
    const { secret = SECRET, allowsLocalReads = true } = options
    const store = await data.open()
    const uploads = new Uploads(store)
    const log = new RecordedLog()
    const links = new ManagerLinks(urls, {
      store,
      uploads,
      suspects: new SuspectClock(() => performance.now()),
      allowsLocalReads,
      secret,
      bootId: randomBytes(8).toString('hex'),
      name: 'test',
      zone: 'test zone',
      chunkUrl: 'http://127.0.0.1:1',
      log: log.asLogger(),
    })
    running.push(() => {
      links.close()
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
    /** Makes a file-server that one manager has admitted. @returns it and that manager's connection to it */
    linked: async (
      script: ManagerScript = {},
      options: LinkOptions = {},
    ): Promise<LinkedFileServer & { manager: ScriptedManager; on: Dialled }> => {
      const manager = await startManager(script)
      const server = await link([manager.url], options)
      return { ...server, manager, on: await manager.connection(1, manager.admitted) }
    },
    /** Lists what lies in the tree and the quarantine, `.part` files included. */
    files: async (): Promise<string[]> => [
      ...(await filesUnder(data.path('tree'))),
      ...(await filesUnder(data.path('quarantine'))),
    ],
  }
}

export const uploadOf = (copyId: CopyId, fields: object = {}) => ({
  copyId,
  encoding: 'binary',
  sizeBytes: null,
  sha256: null,
  requestId: 'test',
  ...fields,
})

export const openingOf = (copyId: CopyId, fields: object = {}) => ({ ...uploadOf(copyId, fields), partKey: null })

export async function uploadInline(on: Dialled, bytes: Buffer, copyId = newCopyId()): Promise<StoredCopy> {
  const { copy } = await on.call('upload-file', uploadOf(copyId), bytes)
  return copy as StoredCopy
}
