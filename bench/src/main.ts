import { rmSync } from 'node:fs'
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type BenchOptions, readOptions, usage } from './arguments.ts'
import { DiskImage } from './disk-image.ts'
import { renderChart } from './publish/render-chart.ts'
import { renderPage } from './publish/render-page.ts'
import {
  renderAsks,
  renderBeside,
  renderCosts,
  renderFills,
  renderHeals,
  renderQueues,
  renderRates,
  renderSwarms,
} from './publish/render-tables.ts'
import { renderAnnounces, renderSearches } from './publish/render-trackers.ts'
import type { BenchResult } from './result.ts'
import { runBench } from './run-bench.ts'

const root = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const startedAt = performance.now()

function report(line: string): void {
  console.error(`[${((performance.now() - startedAt) / 1000).toFixed(0).padStart(3)} s] ${line}`)
}

async function save(result: BenchResult): Promise<void> {
  const directory = root('.bench')
  await mkdir(directory, { recursive: true })
  const file = join(directory, `${result.at.replaceAll(':', '-').slice(0, 19)}.json`)
  await writeFile(file, `${JSON.stringify(result, null, 2)}\n`)
  report(`written to ${file}`)
}

async function publish(result: BenchResult): Promise<void> {
  await writeFile(root('docs/performance.svg'), renderChart(result))
  await writeFile(root('docs/performance.md'), renderPage(result))
  report('written to docs/performance.md')
}

/** The disk is unmounted after everything that was started on it has ended. */
async function run(options: BenchOptions, directory: string): Promise<BenchResult> {
  if (!options.hasImage) return runBench(options, directory, report)
  report('making a disk')
  using disk = await DiskImage.mount(directory)
  process.prependOnceListener('exit', () => disk[Symbol.dispose]())
  return await runBench(options, disk.directory, report)
}

try {
  const options = readOptions(process.argv.slice(2))
  if (options === null) console.log(usage)
  else {
    const directory = await mkdtemp(join(options.directory, 'holdfast-bench-'))
    process.once('exit', () => rmSync(directory, { recursive: true, force: true, maxRetries: 3 }))
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
    const result = await run(options, directory)
    const { cells, fills, heals, swarms, asks, queues, announces, searches } = result
    const tables = [
      ...[renderRates(cells), renderHeals(heals), renderSwarms(swarms), renderFills(fills)],
      ...[renderAnnounces(announces), renderSearches(searches), renderAsks(asks), renderQueues(queues)],
      ...[renderCosts(cells), renderBeside(cells)],
    ]
    for (const text of tables) if (text !== '') console.log(`${text}\n`)
    await save(result)
    if (result.failures.length > 0) {
      const sections = result.failures.map(({ section, problem }) => `${section}: ${problem}`)
      throw new Error(`some sections failed, and nothing is published: ${sections.join('; ')}`)
    }
    if (options.isPublished) await publish(result)
  }
} catch (error) {
  console.error(error instanceof Error ? `bench: ${error.message}` : error)
  process.exitCode = 1
}
