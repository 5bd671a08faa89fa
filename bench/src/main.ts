import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { cpus, platform, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import mongoose from 'mongoose'
import { Child } from './child.ts'
import type { BenchFile } from './contents.ts'
import { runLoad } from './load.ts'
import { measure } from './measure.ts'
import { fullPlan, quickPlan } from './plan.ts'
import { renderTable } from './report.ts'
import { startHoldfast } from './start-holdfast.ts'
import { diskSystem, httpSystem, makeDirectory, type System } from './systems.ts'

const resultsDirectory = fileURLToPath(new URL('../../.bench', import.meta.url))
const startedAt = performance.now()

function report(line: string): void {
  console.error(`[${((performance.now() - startedAt) / 1000).toFixed(0).padStart(3)} s] ${line}`)
}

async function run(isQuick: boolean): Promise<void> {
  const plan = isQuick ? quickPlan : fullPlan
  const name = randomBytes(4).toString('hex')
  const directory = await makeDirectory()
  process.once('exit', () => rmSync(directory, { recursive: true, force: true, maxRetries: 3 }))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
  try {
    report('starting Holdfast, GridFS and the loopback server')
    await using holdfast = await startHoldfast(join(directory, 'data'), process.env)
    const database = `holdfast-bench-${name}`
    const script = (file: string) => new URL(file, import.meta.url)
    await using gridfs = new Child(script('./gridfs-server.js'), [], {
      MONGO_URL: holdfast.mongoUrl,
      DATABASE: database,
    })
    await using loopback = new Child(script('./loopback-server.js'), [])
    const systems = [
      httpSystem('holdfast', holdfast.url),
      httpSystem('gridfs', await gridfs.address()),
      httpSystem('loopback', await loopback.address()),
      await diskSystem(directory),
    ]
    const { cells, stored } = await measure(systems, plan, name, report)
    console.log(renderTable(cells))
    console.log(
      '\nx gridfs: how many times as fast as GridFS on the same MongoDB; x loopback: HTTP alone; x disk: write + fsync + rename',
    )
    await save({ plan, machine: describeMachine(), cells })
    if (holdfast.isShared) await removeAll(holdfast.mongoUrl, database, systems[0], stored.get('holdfast') ?? [])
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

function describeMachine(): object {
  return {
    processor: cpus()[0]?.model,
    cores: cpus().length,
    memoryBytes: totalmem(),
    system: `${platform()} ${release()}`,
    node: process.version,
    threads: process.env.UV_THREADPOOL_SIZE ?? '4',
  }
}

async function save(result: object): Promise<void> {
  const at = new Date().toISOString()
  await mkdir(resultsDirectory, { recursive: true })
  const file = join(resultsDirectory, `${at.replaceAll(':', '-').slice(0, 19)}.json`)
  await writeFile(file, `${JSON.stringify({ at, ...result }, null, 2)}\n`)
  report(`written to ${file}`)
}

/** Leaves a system that others use as it was. */
async function removeAll(
  mongoUrl: string,
  database: string,
  holdfast: System | undefined,
  files: readonly BenchFile[],
): Promise<void> {
  report(`removing ${files.length} files`)
  let next = 0
  await runLoad(16, { ms: 120_000, count: files.length }, async (agent) => {
    const file = files[next++]
    if (file !== undefined) await holdfast?.remove?.(agent, file)
  })
  const connection = await mongoose.createConnection(mongoUrl, { dbName: database }).asPromise()
  await connection.dropDatabase()
  await connection.close()
}

try {
  const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } })
  await run(values.quick)
} catch (error) {
  console.error(error instanceof Error ? `bench: ${error.message}` : error)
  process.exitCode = 1
}
