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
  /** Whether what was stored has to be removed again. */
  readonly isShared: boolean
}

/** The system that HOLDFAST_URL and MONGO_URL name, or one of its own on free ports, as `npm start` runs it. */
export async function startHoldfast(directory: string, environment: NodeJS.ProcessEnv): Promise<RunningHoldfast> {
  const { HOLDFAST_URL, MONGO_URL } = environment
  if (HOLDFAST_URL !== undefined) {
    if (MONGO_URL === undefined)
      throw new Error('HOLDFAST_URL needs MONGO_URL beside it, for GridFS on the same MongoDB')
    return { url: HOLDFAST_URL, mongoUrl: MONGO_URL, isShared: true, [Symbol.asyncDispose]: async () => undefined }
  }
  const launcher = new URL('../../launcher/dist/main.js', import.meta.url)
  const child = new Child(launcher, ['--port', '0', '--data', directory])
  try {
    const { managerUrl, mongoUrl } = await waitUntilReady(directory, child)
    return { url: managerUrl, mongoUrl, isShared: false, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() }
  } catch (error) {
    await child[Symbol.asyncDispose]()
    throw new Error(`Holdfast did not start:\n${child.output}`, { cause: error })
  }
}

async function waitUntilReady(directory: string, child: Child): Promise<RunFile> {
  const deadline = performance.now() + START_LIMIT_MS
  while (performance.now() < deadline) {
    if (child.hasExited) throw new Error('it ended')
    const run = await readRunFile(join(directory, 'run.json'))
    if (run !== null && (await isReady(run.managerUrl))) return run
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

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/ready`, { signal: AbortSignal.timeout(5_000) })).ok
  } catch (error) {
    if (error instanceof TypeError || (error instanceof DOMException && error.name === 'TimeoutError')) return false
    throw error
  }
}
