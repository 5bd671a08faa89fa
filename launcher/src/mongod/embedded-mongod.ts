import { realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { makeDirectory } from '@holdfast/shared/node/make-directory'
import { StartError } from '@holdfast/shared/node/run-service'
import type { RunningProcess } from '../processes/running-process.ts'
import { choosePort } from './free-port.ts'
import type { MongodBinary } from './mongod-binary.ts'
import { startMongodProcess } from './mongod-process.ts'
import { readMongodRecord, writeMongodRecord } from './mongod-record.ts'
import { ensurePrimary, moveReplicaSet, REPLICA_SET } from './replica-set.ts'
import { resolveMongod } from './resolve-mongod.ts'
import { stopStaleMongod } from './stale-mongod.ts'

export interface EmbeddedMongodOptions {
  /** This directory keeps the data (`db/`) and a note of which mongod made it. */
  readonly directory: string
  readonly environment: NodeJS.ProcessEnv
  /** Gets one line for each step. */
  readonly report: (line: string) => void
  /** Gets every line of mongod's own log. */
  readonly onLogLine: (line: string) => void
  readonly signal: AbortSignal
}

/** This process owns the mongod, which listens on loopback only and is a replica set of one. */
export interface EmbeddedMongod {
  /** The address is the same after every restart. @param database may be empty. */
  urlOf(database: string): string
  readonly port: number
  readonly binary: MongodBinary
  readonly running: RunningProcess
  /** Starts mongod again on the same data and port, after it has ended. */
  restart(signal: AbortSignal): Promise<RunningProcess>
}

/** Another process may take a port between its choice and mongod's start. */
const PORT_TRIES = 5

export async function startEmbeddedMongod(options: EmbeddedMongodOptions): Promise<EmbeddedMongod> {
  const { environment, report, onLogLine, signal } = options
  await makeDirectory(join(options.directory, 'db'))
  const directory = await realpath(options.directory)
  const dbPath = join(directory, 'db')
  const record = await readMongodRecord(directory)
  const binary = await resolveMongod({ directory, environment, madeBy: record, report, signal })
  await stopStaleMongod(dbPath, report, signal)
  const { port, running } = await startOnFreePort(
    { binary, dbPath, onLine: onLogLine },
    record?.port ?? null,
    report,
    signal,
  )
  await readyOrStopped(running, port, signal)
  await writeMongodRecord(directory, { path: binary.path, version: binary.version, port })
  return {
    urlOf: (database) => `mongodb://127.0.0.1:${port}/${database}?replicaSet=${REPLICA_SET}`,
    port,
    binary,
    running,
    async restart(restartSignal) {
      const restarted = await startMongodProcess({ binary, dbPath, port, onLine: onLogLine })
      await readyOrStopped(restarted, port, restartSignal)
      return restarted
    },
  }
}

async function readyOrStopped(running: RunningProcess, port: number, signal: AbortSignal): Promise<void> {
  try {
    signal.throwIfAborted()
    await ensurePrimary(port, signal)
  } catch (error) {
    await running.stop()
    throw error
  }
}

async function startOnFreePort(
  options: { binary: MongodBinary; dbPath: string; onLine: (line: string) => void },
  remembered: number | null,
  report: (line: string) => void,
  signal: AbortSignal,
): Promise<{ port: number; running: RunningProcess }> {
  for (let tries = 1; ; tries++) {
    const port = await choosePort('127.0.0.1', remembered)
    try {
      if (remembered !== null && port !== remembered) {
        report(`mongod: port ${remembered} is taken, port ${port} is used instead`)
        await moveTo(port, options, signal)
      }
      return { port, running: await startMongodProcess({ ...options, port }) }
    } catch (error) {
      signal.throwIfAborted()
      if (tries < PORT_TRIES && error instanceof Error && /already in use/.test(error.message)) continue
      throw new StartError(`mongod could not be started: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      })
    }
  }
}

async function moveTo(
  port: number,
  options: { binary: MongodBinary; dbPath: string; onLine: (line: string) => void },
  signal: AbortSignal,
): Promise<void> {
  const alone = await startMongodProcess({ ...options, port, isAlone: true })
  try {
    await moveReplicaSet(port, signal)
  } finally {
    await alone.stop()
  }
}
