import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { BenchOptions } from './arguments.ts'
import { describeMachine, fileSystemOf, isSlowAfterDeletes, readCommit } from './machine.ts'
import { measureGrowth, measureServers, type StartSystem } from './sections/holdfast-alone.ts'
import { sideBySideParts } from './sections/side-by-side.ts'
import { warmUp } from './sections/warm-up.ts'
import type { PartName } from './plan.ts'
import { Child } from './processes/child.ts'
import { Held } from './processes/held.ts'
import { startHoldfast } from './processes/start-holdfast.ts'
import { findDescendants, type WatchedProcess } from './processes/usage.ts'
import type { BenchResult, Cell, Fill } from './result.ts'
import { System } from './system.ts'

export type Report = (line: string) => void

/** What Node gives to everybody who sets nothing. */
const usualNode = { UV_THREADPOOL_SIZE: undefined, NODE_OPTIONS: undefined }
const scriptOf = (file: string) => new URL(file, import.meta.url)

/** @param directory an empty one, removed by the caller at the end of everything. */
export async function runBench(options: BenchOptions, directory: string, report: Report): Promise<BenchResult> {
  const { plan, parts } = options
  const startedAt = performance.now()
  const machine = await describeMachine(directory, options.hasImage)
  // A disk in a file is on it, too.
  if (machine.fileSystem === 'tmpfs' || (await fileSystemOf(options.directory)) === 'tmpfs')
    throw new Error(`${directory} is memory, where fsync costs nothing: give a --directory on a disk`)
  const cells: Cell[] = []
  const fills: Fill[] = []
  const run = randomBytes(4).toString('hex')
  await using load = new Child(scriptOf('./load/load-process.js'), [], usualNode)
  const context: Context = { options, directory, report, run, load }

  const needsOthers = parts.some((part) => part !== 'servers' && part !== 'growth')
  await using held = new Held()
  const systems = needsOthers ? await startOthers(context, held) : []
  if (needsOthers) await warmUp(systems, plan)
  const measureSideBySide = async (...wanted: Exclude<PartName, 'servers' | 'growth'>[]): Promise<void> => {
    for (const part of wanted)
      if (parts.includes(part)) cells.push(...(await sideBySideParts[part](systems, plan, report)))
  }
  await measureSideBySide('small', 'large')
  if (parts.includes('servers'))
    await withSystems(context, async (start) => cells.push(...(await measureServers(start, plan, report))))
  if (parts.includes('growth')) {
    await withSystems(context, async (start) => {
      const growth = await measureGrowth(start, plan, report, !(await isSlowAfterDeletes(directory)))
      cells.push(...growth.cells)
      fills.push(...growth.fills)
    })
  }
  // At the end: they delete.
  await measureSideBySide('mixed', 'delete')
  const seconds = (performance.now() - startedAt) / 1000
  const { mode } = plan
  const { hasImage } = options
  return { at: new Date().toISOString(), commit: await readCommit(), mode, hasImage, seconds, machine, cells, fills }
}

interface Context {
  readonly options: BenchOptions
  readonly directory: string
  readonly report: Report
  readonly run: string
  readonly load: Child
}

/** Holdfast, GridFS on its MongoDB, and a bare Node server on the same disk. */
async function startOthers({ directory, report, run, load }: Context, held: Held): Promise<System[]> {
  report('starting Holdfast, GridFS and a bare Node server')
  const holdfast = held.use(await startHoldfast(join(directory, 'data'), 3))
  const gridfs = held.use(
    new Child(scriptOf('./processes/gridfs-server.js'), [], {
      ...usualNode,
      MONGO_URL: holdfast.mongoUrl,
      DATABASE: `holdfast-bench-${run}`,
    }),
  )
  const node = held.use(
    new Child(scriptOf('./processes/bare-node-server.js'), [], { ...usualNode, DIRECTORY: join(directory, 'bare') }),
  )
  const findMongod = async (): Promise<WatchedProcess[]> =>
    (await findDescendants(holdfast.pid)).filter(({ role }) => role === 'mongod')
  const server = ({ pid }: Child): WatchedProcess => ({ role: 'server', pid })
  const common = { run, load }
  return [
    new System({ ...common, name: 'holdfast', url: holdfast.url, findProcesses: () => findDescendants(holdfast.pid) }),
    new System({
      ...common,
      name: 'gridfs',
      url: await gridfs.address(),
      findProcesses: async () => [server(gridfs), ...(await findMongod())],
    }),
    new System({ ...common, name: 'node', url: await node.address(), findProcesses: async () => [server(node)] }),
  ]
}

/** Systems that end with their part; their files stay until the end, for deleting them would slow down the next one. */
async function withSystems(
  { directory, run, load }: Context,
  work: (start: StartSystem) => Promise<unknown>,
): Promise<void> {
  await using held = new Held()
  await work(async (name, fileServerCount) => {
    const holdfast = held.use(await startHoldfast(join(directory, name.replaceAll(' ', '-')), fileServerCount))
    return new System({ name, url: holdfast.url, run, load, findProcesses: () => findDescendants(holdfast.pid) })
  })
}
