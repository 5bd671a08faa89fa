import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { RunFile } from '@holdfast/shared/run-file'
import { Child } from './child.ts'

/** The first start may have to fetch a mongod. */
const START_LIMIT_MS = 180_000

export interface RunningHoldfast extends AsyncDisposable {
  readonly url: string
  readonly mongoUrl: string
  readonly fileServersDirectory: string
  /** It is the id of the launcher's process. */
  readonly pid: number
}

/** This program of this checkout starts a system. */
const ownLauncher = new URL('../../../launcher/dist/main.js', import.meta.url)

/**
 * Starts a system on free ports, as `npm start` runs it.
 * @param settings are in the environment of all of it
 * @param launcher another checkout's program, where its system is wanted
 */
export async function startHoldfast(
  directory: string,
  fileServerCount: number,
  {
    settings,
    launcher = ownLauncher,
  }: { readonly settings?: Readonly<Record<string, string>>; readonly launcher?: URL } = {},
): Promise<RunningHoldfast> {
  const args = ['--port', '0', '--data', directory, '--file-servers', String(fileServerCount)]
  // The system gets a database and a secret of its own, whatever this process was given.
  const own = { MONGO_URL: undefined, CLUSTER_SECRET: undefined, SEED_PORT: 'off' }
  const child = new Child(launcher, args, { ...settings, ...own })
  try {
    const { managerUrl: url, mongoUrl, fileServersDirectory } = await waitUntilReady(directory, child)
    const end = () => child[Symbol.asyncDispose]()
    return { url, mongoUrl, fileServersDirectory, pid: child.pid, [Symbol.asyncDispose]: end }
  } catch (error) {
    await child[Symbol.asyncDispose]()
    throw new Error(`Holdfast did not start:\n${child.output}`, { cause: error })
  }
}

/** The launcher writes run.json when everything is ready. */
async function waitUntilReady(directory: string, child: Child): Promise<RunFile> {
  const deadline = performance.now() + START_LIMIT_MS
  while (performance.now() < deadline) {
    if (child.hasExited) throw new Error('it ended')
    const run = await readRunFile(join(directory, 'run.json'))
    if (run !== null) return run
    await delay(100)
  }
  throw new Error('it was not ready in time')
}

async function readRunFile(path: string): Promise<RunFile | null> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as RunFile
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}
