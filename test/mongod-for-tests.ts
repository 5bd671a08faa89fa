import { mkdtemp, rm, statfs } from 'node:fs/promises'
import { freemem, tmpdir } from 'node:os'
import { join } from 'node:path'
import type {} from 'vitest'
import type { TestProject } from 'vitest/node'
import { startEmbeddedMongod } from '../launcher/src/mongod/embedded-mongod.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** It leads to a replica set of one and names no database, because every test file chooses its own. */
    mongoUrl: string
  }
}

const MEMORY = '/dev/shm'
/** The oplog, the journal and the data of all suites take less than half of it. */
const ROOM_BYTES = 4 * 1024 ** 3

/** Nobody kills this MongoDB, so nothing is lost in memory, where its syncs do not wait for the disk. */
async function chooseParent(): Promise<string> {
  const { bavail, bsize } = await statfs(MEMORY).catch(() => ({ bavail: 0, bsize: 0 }))
  return bavail * bsize > ROOM_BYTES && freemem() > 2 * ROOM_BYTES ? MEMORY : tmpdir()
}

/** One embedded MongoDB serves all suites that need one: the first project of Vitest starts it for the others. */
// biome-ignore lint/style/noDefaultExport: Vitest takes a global setup's default export.
export default async function startMongodForTests({ vitest }: TestProject): Promise<(() => Promise<void>) | undefined> {
  if (vitest.getProvidedContext().mongoUrl !== undefined) return undefined
  const directory = await mkdtemp(join(await chooseParent(), 'holdfast-test-mongo-'))
  const steps: string[] = []
  try {
    const mongod = await startEmbeddedMongod({
      directory,
      environment: process.env,
      report: (line) => steps.push(line),
      onLogLine: () => undefined,
      signal: AbortSignal.timeout(10 * 60_000),
    })
    vitest.provide('mongoUrl', mongod.urlOf(''))
    return async () => {
      await mongod.running.stop()
      await rm(directory, { recursive: true, force: true })
    }
  } catch (error) {
    await rm(directory, { recursive: true, force: true })
    throw new Error(['no MongoDB for the tests', ...steps].join('\n'), { cause: error })
  }
}
