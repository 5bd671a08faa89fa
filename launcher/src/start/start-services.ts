import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { DirectoryInUseError, lockDirectory } from '@holdfast/shared/node/directory-lock'
import { fileServerDirectory } from '../data/file-server-directories.ts'
import { RotatingLog } from '../files/rotating-log.ts'
import { nodeFlags } from '../processes/node-flags.ts'
import { startChild } from '../processes/start-child.ts'
import { type Supervised, supervise } from '../processes/supervise.ts'
import type { LaunchContext } from './launch-context.ts'
import { managerUrl } from './manager-address.ts'
import { chooseWorkerCount, measureMachine } from './manager-workers.ts'
import type { StartupWatch } from './startup-watch.ts'

interface ServiceOptions {
  readonly name: string
  readonly where: string
  /** This names the log file. */
  readonly fileName: string
  readonly script: string
  readonly env: NodeJS.ProcessEnv
  readonly execArgv?: readonly string[]
  readonly startup: StartupWatch
}

const LOCK_POLL_MS = 200

/** Hashing and the disk share libuv's threads, and a manager reads the disk too. */
const POOL_THREADS = '16'

export interface ManagerOptions {
  readonly port: number
  readonly secret: string
  readonly mongoUrl: string
  readonly startup: StartupWatch
}

export function startManager(context: LaunchContext, { port, secret, mongoUrl, startup }: ManagerOptions): Supervised {
  const { options, programs, environment, layout } = context
  const { host } = options
  const publicUrl = environment.MANAGER_URL || undefined
  const env = {
    MONGO_URL: mongoUrl,
    HOST: options.host,
    PORT: String(port),
    CLUSTER_SECRET: secret,
    ALLOW_ANONYMOUS: String(options.allowAnonymous),
    MANAGER_WORKERS: String(
      options.managerWorkers ?? chooseWorkerCount(measureMachine(), { host, managerUrl: publicUrl }),
    ),
    // The system's directory for temporary files is often in memory.
    TORRENT_DIR: environment.TORRENT_DIR || layout.torrents,
    LOG_LEVEL: options.logLevel,
    UV_THREADPOOL_SIZE: POOL_THREADS,
  }
  return startService(context, {
    name: 'manager',
    where: managerUrl(options.host, port),
    fileName: 'manager',
    script: programs.manager,
    env,
    execArgv: nodeFlags.manager,
    startup,
  })
}

export interface FileServerOptions {
  readonly number: number
  readonly secret: string
  readonly managerUrl: string
  readonly startup: StartupWatch
}

export function startFileServer(
  context: LaunchContext,
  { number, secret, managerUrl: url, startup }: FileServerOptions,
): Supervised {
  const { options, programs, layout } = context
  const directory = fileServerDirectory(layout.fileServers, number)
  const env = {
    MANAGERS: url,
    CLUSTER_SECRET: secret,
    DATA_DIR: directory,
    DATA_ROOT: '',
    NAME: String(number),
    CHUNK_PORT: String(options.chunkPort === 0 ? 0 : options.chunkPort + number - 1),
    // One address cannot lead to all of them.
    CHUNK_URL: '',
    LOG_LEVEL: options.logLevel,
    UV_THREADPOOL_SIZE: POOL_THREADS,
  }
  const name = `file-server ${number}`
  return startService(context, {
    name,
    where: directory,
    fileName: `file-server-${number}`,
    script: programs.fileServer,
    env,
    execArgv: nodeFlags.fileServer,
    startup,
  })
}

/**
 * A file-server started by `npm run file-server` may have outlived the last `npm start`.
 * @param patientUntil by then, of `performance.now()`, those of a killed start have ended, and are waited for.
 */
export async function isFileServerRunning(
  { layout, progress, signal }: LaunchContext,
  number: number,
  patientUntil: number,
): Promise<boolean> {
  const directory = fileServerDirectory(layout.fileServers, number)
  let isWaiting = false
  while (await isLocked(directory)) {
    if (performance.now() >= patientUntil) return true
    if (!isWaiting) progress.line(`  waiting for file-server ${number} of the killed start to end ...`)
    isWaiting = true
    await delay(LOCK_POLL_MS, undefined, { signal })
  }
  return false
}

async function isLocked(directory: string): Promise<boolean> {
  try {
    const lock = await lockDirectory(directory)
    await lock.release()
    return false
  } catch (error) {
    if (error instanceof DirectoryInUseError) return true
    throw error
  }
}

function startService(
  context: LaunchContext,
  { name, where, fileName, script, env, execArgv = [], startup }: ServiceOptions,
): Supervised {
  const { environment, layout, progress, signal } = context
  const log = new RotatingLog(join(layout.logs, `${fileName}.log`), (problem) => progress.line(problem))
  // While everything ends, the console does not report that the others are gone.
  const show = (line: string) => {
    if (!signal.aborted || !line.startsWith('warn:')) progress.line(`${name} | ${line}`)
  }
  const start = () => startChild({ script, env: { ...environment, ...env }, execArgv, log, show })
  const supervised = supervise(
    {
      name,
      where,
      start: async () => start(),
      report: (line) => progress.line(line),
      onEnded: (end) => startup.onEnded(name, end),
    },
    start(),
  )
  return {
    ...supervised,
    get pid() {
      return supervised.pid
    },
    stop: () => supervised.stop().finally(() => log.close()),
  }
}
