import { rm } from 'node:fs/promises'
import { type DirectoryLock, lockDirectory } from '@holdfast/shared/node/directory-lock'
import { makeDirectory } from '@holdfast/shared/node/make-directory'
import { ensureClusterSecret } from '../data/cluster-secret.ts'
import { type DataLayout, layoutOf } from '../data/data-layout.ts'
import { fileServerDirectory, listFileServerNumbers, planFileServerNumbers } from '../data/file-server-directories.ts'
import { isAlive, readRunFile, writeRunFile } from '../data/run-file.ts'
import type { Supervised } from '../processes/supervise.ts'
import type { LaunchContext, Started } from './launch-context.ts'
import { claimPort, managerUrl } from './manager-address.ts'
import { startMongod } from './start-mongod.ts'
import { isFileServerRunning, startFileServer, startManager } from './start-services.ts'
import { watchStartup } from './startup-watch.ts'
import type { RunningSystem } from './summary.ts'
import { waitForFileServers, waitUntilOk } from './wait-until-ready.ts'

/** The processes of a killed start hold its port and directories until they have noticed. */
const KILLED_START_PATIENCE_MS = 25_000
const READY_DEADLINE_MS = 90_000
const FILE_SERVERS_DEADLINE_MS = 30_000

export interface Launched {
  readonly system: RunningSystem
  /** Rejects when the system cannot go on. */
  readonly failed: Promise<never>
}

/**
 * Starts everything and waits until all of it is ready. `started` lists what was made even after an error, so that the
 * caller can stop it.
 */
export async function launch(options: Omit<LaunchContext, 'layout'>): Promise<Launched> {
  const layout = layoutOf(options.options.dataDirectory)
  const context: LaunchContext = { ...options, layout }
  const { progress, signal, started } = context
  const lock = await lockData(layout, started)

  const leftBehind = await readRunFile(layout.runFile)
  const patienceMs = leftBehind !== null && !isAlive(leftBehind.pid) ? KILLED_START_PATIENCE_MS : 0
  const patientUntil = performance.now() + patienceMs
  const { host, port: wantedPort, clusterSecret } = context.options
  const port = await claimPort(host, wantedPort, patienceMs, signal)
  const url = managerUrl(host, port)
  await makeDirectories(layout)
  const secret = clusterSecret ?? (await ensureClusterSecret(layout.clusterSecret))
  const database = await startMongod(context)

  const startup = watchStartup(patienceMs)
  // The manager is stopped first, so that it ends the requests under way while its file-servers are still there.
  const servers: Supervised[] = []
  started.push(groupOf(servers))
  const manager = startManager(context, { port, secret, mongoUrl: database.mongoUrl, startup })
  started.push(manager)
  const ready = { managerUrl: url, signal, deadlineMs: READY_DEADLINE_MS }
  const isListening = Promise.race([startup.failed, waitUntilOk('/health', ready)])
  await progress.step('waiting for the manager', isListening, () => `manager listens at ${url}`)
  for (const number of await chooseFileServers(context, patientUntil)) {
    servers.push(startFileServer(context, { number, secret, managerUrl: url, startup }))
  }
  const areConnected = waitForFileServers(servers.length, { ...ready, deadlineMs: FILE_SERVERS_DEADLINE_MS })
  await progress.step(
    'waiting for the file-servers',
    Promise.race([startup.failed, areConnected]),
    (count) => `${count} of ${servers.length} file-servers connected`,
  )
  await Promise.race([startup.failed, waitUntilOk('/ready', ready)])
  startup.end()

  started.push({ stop: () => rm(layout.runFile, { force: true }) })
  await writeRunFile(layout.runFile, {
    pid: process.pid,
    managerUrl: url,
    clusterSecret: secret,
    fileServersDirectory: layout.fileServers,
    mongoUrl: database.mongoUrl,
  })
  const processes = [...(database.supervised === null ? [] : [database.supervised]), manager, ...servers]
  const { mongoUrl } = database
  const system = { managerUrl: url, mongoUrl, processes, dataDirectory: layout.root, logsDirectory: layout.logs }
  return { system, failed: lock.lost }
}

async function lockData(layout: DataLayout, started: Started[]): Promise<DirectoryLock> {
  await makeDirectory(layout.root)
  const lock = await lockDirectory(layout.root)
  started.push({ stop: () => lock.release() })
  return lock
}

async function makeDirectories({ root, mongo, fileServers, logs }: DataLayout): Promise<void> {
  for (const directory of [mongo, fileServers, logs]) await makeDirectory(directory, root)
}

function groupOf(members: readonly Supervised[]): Started {
  return {
    stop: async () => {
      await Promise.all(members.map((member) => member.stop()))
    },
    kill: () => {
      for (const member of members) member.kill()
    },
  }
}

async function chooseFileServers(context: LaunchContext, patientUntil: number): Promise<readonly number[]> {
  const { layout, options, progress } = context
  const numbers = planFileServerNumbers(await listFileServerNumbers(layout.fileServers), options.fileServerCount)
  const chosen: number[] = []
  for (const number of numbers) {
    await makeDirectory(fileServerDirectory(layout.fileServers, number), layout.root)
    if (await isFileServerRunning(context, number, patientUntil))
      progress.line(`  file-server ${number} runs already, started by someone else`)
    else chosen.push(number)
  }
  return chosen
}
