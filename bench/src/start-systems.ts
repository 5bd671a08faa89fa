import { join } from 'node:path'
import { Child } from './processes/child.ts'
import { Held } from './processes/held.ts'
import { buildCheckout } from './processes/other-checkout.ts'
import { type RunningHoldfast, startHoldfast } from './processes/start-holdfast.ts'
import { findDescendants, type WatchedProcess } from './processes/usage.ts'
import type { StartHealSystem } from './sections/heal.ts'
import type { StartSystem } from './sections/holdfast-alone.ts'
import type { TrackerDeps } from './sections/tracker.ts'
import { System } from './system.ts'

export type Report = (line: string) => void

/** Every system of a run is started with these. */
export interface StartContext {
  /** It is the path of another checkout, or null. */
  readonly beside: string | null
  readonly directory: string
  readonly report: Report
  readonly run: string
  readonly load: Child
}

/** These settings are unset, so that a process has Node's defaults whatever the benchmark was started with. */
export const usualNode = { UV_THREADPOOL_SIZE: undefined, NODE_OPTIONS: undefined }

const FILE_SERVER_COUNT = 3

/**
 * Starts what is measured side by side on the same disk: Holdfast, then another checkout's Holdfast or GridFS, and a bare Node
 * server. GridFS is left out beside a checkout, for its load would burden the database of only one of the two.
 */
export async function startSideBySide(context: StartContext, held: Held): Promise<System[]> {
  const { beside, directory, report } = context
  const launcher = beside === null ? null : await buildBeside(beside, report)
  report(`starting Holdfast, ${launcher === null ? 'GridFS' : 'the checkout beside it'} and a bare Node server`)
  const holdfast = held.use(await startHoldfast(join(directory, 'data'), FILE_SERVER_COUNT))
  const second =
    launcher === null
      ? await startGridfs(context, held, holdfast)
      : systemOf(
          context,
          'beside',
          held.use(await startHoldfast(join(directory, 'beside'), FILE_SERVER_COUNT, { launcher })),
        )
  return [systemOf(context, 'holdfast', holdfast), second, await startBareNode(context, held)]
}

/** Starts systems that end with their section; their files stay until the end, for deleting them would slow down the next one. */
export async function withSystems(
  context: StartContext,
  work: (start: StartSystem) => Promise<unknown>,
): Promise<void> {
  await using held = new Held()
  await work(async (name, fileServerCount) => {
    const directory = join(context.directory, name.replaceAll(' ', '-'))
    return systemOf(context, name, held.use(await startHoldfast(directory, fileServerCount)))
  })
}

/** Starts a system for the section `heal`, which ends with it. A process that was stopped goes on before that. */
export async function withHealSystem<T>(
  context: StartContext,
  work: (start: StartHealSystem) => Promise<T>,
): Promise<T> {
  await using held = new Held()
  return await work(async (fileServerCount, settings) => {
    const directory = join(context.directory, 'heal')
    const holdfast = held.use(await startHoldfast(directory, fileServerCount, { settings }))
    const { url, fileServersDirectory, pid } = holdfast
    const freezeFileServer = async (): Promise<void> => {
      const frozen = (await findDescendants(pid)).find(({ role }) => role === 'file-server')
      if (frozen === undefined) throw new Error('no file-server is found among the processes')
      process.kill(frozen.pid, 'SIGSTOP')
      held.use({ [Symbol.asyncDispose]: async () => void process.kill(frozen.pid, 'SIGCONT') })
    }
    return { system: systemOf(context, 'replicated', holdfast), url, fileServersDirectory, freezeFileServer }
  })
}

/** Starts a tracker of Holdfast's and one of bittorrent-tracker's, each of one process, which end with the section. */
export async function withTrackers(
  context: StartContext,
  work: (deps: TrackerDeps) => Promise<unknown>,
): Promise<void> {
  const { directory, load, run, report } = context
  report('starting two trackers')
  await using held = new Held()
  const settings = { TRACKER_OPEN: 'true', MANAGER_WORKERS: '1' }
  const holdfast = held.use(await startHoldfast(join(directory, 'tracker'), 1, { settings }))
  const other = held.use(new Child(new URL('./processes/torrent-tracker-server.js', import.meta.url), [], usualNode))
  const systems = [
    { name: 'holdfast', url: holdfast.url, findProcesses: () => findDescendants(holdfast.pid) },
    {
      name: 'bittorrent-tracker',
      url: await other.address(),
      findProcesses: async () => [{ role: 'server', pid: other.pid }],
    },
  ]
  await work({ systems, load, run })
}

/** Starts a Holdfast for the section `tracks-search`, which ends with it. Its users are asked nothing. */
export async function withTracks(
  { directory, report }: StartContext,
  work: (holdfast: RunningHoldfast) => Promise<unknown>,
): Promise<void> {
  report('starting one for tracks')
  await using held = new Held()
  const settings = { UDP_HEARTBEAT_EVERY_MS: '3600000' }
  await work(held.use(await startHoldfast(join(directory, 'tracks'), 1, { settings })))
}

async function buildBeside(path: string, report: Report): Promise<URL> {
  report(`building ${path} where that is needed`)
  return buildCheckout(path)
}

function systemOf({ run, load }: StartContext, name: string, { url, pid }: RunningHoldfast): System {
  return new System({ name, url, run, load, findProcesses: () => findDescendants(pid) })
}

async function startGridfs({ run, load }: StartContext, held: Held, holdfast: RunningHoldfast): Promise<System> {
  const env = { ...usualNode, MONGO_URL: holdfast.mongoUrl, DATABASE: `holdfast-bench-${run}` }
  const gridfs = held.use(new Child(new URL('./processes/gridfs-server.js', import.meta.url), [], env))
  const findProcesses = async (): Promise<WatchedProcess[]> => {
    const mongods = (await findDescendants(holdfast.pid)).filter(({ role }) => role === 'mongod')
    return [{ role: 'server', pid: gridfs.pid }, ...mongods]
  }
  return new System({ name: 'gridfs', url: await gridfs.address(), run, load, findProcesses })
}

async function startBareNode({ directory, run, load }: StartContext, held: Held): Promise<System> {
  const env = { ...usualNode, DIRECTORY: join(directory, 'bare') }
  const node = held.use(new Child(new URL('./processes/bare-node-server.js', import.meta.url), [], env))
  const findProcesses = async () => [{ role: 'server', pid: node.pid }]
  return new System({ name: 'node', url: await node.address(), run, load, findProcesses })
}
