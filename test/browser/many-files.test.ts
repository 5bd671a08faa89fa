import { randomBytes } from 'node:crypto'
import mongoose from 'mongoose'
import type { Browser, CDPSession, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { TestCluster } from '../cluster/test-cluster.ts'
import { isFullRun } from '../full-run.ts'
import { findBrowser, launchBrowser } from './browser.ts'

const COUNT = 100_000
const PER_INSERT = 10_000
/** A task longer than this is felt (https://www.w3.org/TR/longtasks-1/). */
const LONGEST_TASK_MS = 50

const program = await findBrowser()

describe.runIf(program !== null && isFullRun)(`a list of ${COUNT} files`, () => {
  let cluster: TestCluster
  let browser: Browser
  let page: Page
  let debug: CDPSession

  beforeAll(async () => {
    ;[cluster, browser] = await Promise.all([
      TestCluster.start({ mongoUrl: inject('mongoUrl'), fileServers: 1 }),
      launchBrowser(program ?? { executablePath: '', env: {} }),
    ])
    await insertRecords(cluster.mongoUrl)
    page = await browser.newPage({ viewport: { width: 1280, height: 860 } })
    debug = await page.context().newCDPSession(page)
  }, 120_000)
  afterAll(async () => {
    await browser?.close()
    await cluster?.[Symbol.asyncDispose]()
  })

  test('is read page by page, the last ones as soon as the first', async () => {
    const took: number[] = []
    const names = new Set<string>()
    let cursor: string | null = null
    do {
      const startedAt = performance.now()
      const next: string = cursor === null ? '' : `&cursor=${cursor}`
      const answer = await fetch(`${cluster.url}/files?sort=size&order=desc&limit=1000${next}`)
      const list = (await answer.json()) as { files: { name: string }[]; next: string | null }
      took.push(performance.now() - startedAt)
      for (const { name } of list.files) names.add(name)
      cursor = list.next
    } while (cursor !== null)
    expect([took.length, names.size]).toEqual([COUNT / 1_000, COUNT])
    // Pages that were counted from the beginning would take many times as long at the end.
    const third = Math.ceil(took.length / 3)
    expect(median(took.slice(-third))).toBeLessThan(4 * median(took.slice(0, third)))
  }, 60_000)

  test('is scrolled, sorted and searched without a task that is felt', async () => {
    const tasks = await watchTasks(debug, async () => {
      await page.goto(cluster.url)
      await page.getByText(`${COUNT.toLocaleString('en-US')} files`).waitFor()
      const names = page.locator('.table .body .name')
      await names.first().waitFor()
      for (let step = 0; step < 20; step++) await page.mouse.wheel(0, 3_000)
      // To the far end, past what was read.
      await page.evaluate('scrollTo(0, document.body.scrollHeight)')
      await page.getByRole('button', { name: nameOf(0), exact: true }).waitFor({ timeout: 60_000 })
      await page.evaluate('scrollTo(0, 0)')
      await page.getByRole('button', { name: 'Size' }).click()
      await page.getByRole('button', { name: nameOf(COUNT - 1), exact: true }).waitFor()
      await page.getByRole('searchbox').fill('E 0222')
      await page.getByText('100 files').first().waitFor()
    })
    const long = tasks.filter((ms) => ms > LONGEST_TASK_MS)
    expect(tasks.length).toBeGreaterThan(100)
    expect(long).toEqual([])
  }, 120_000)
})

/** @returns what each task of the page's main thread has cost of the processor, so that a busy machine does not count */
async function watchTasks(debug: CDPSession, work: () => Promise<void>): Promise<number[]> {
  interface TraceEvent {
    readonly name: string
    readonly ph: string
    readonly tid: number
    readonly pid: number
    readonly tdur?: number
    readonly args: { readonly name?: string }
  }
  const events: TraceEvent[] = []
  debug.on('Tracing.dataCollected', ({ value }) => events.push(...(value as unknown as TraceEvent[])))
  const ended = new Promise<unknown>((resolve) => debug.once('Tracing.tracingComplete', resolve))
  await debug.send('Tracing.start', {
    transferMode: 'ReportEvents',
    traceConfig: { includedCategories: ['toplevel', 'disabled-by-default-devtools.timeline', '__metadata'] },
  })
  await work()
  await debug.send('Tracing.end')
  await ended
  const mainThreads = new Set(
    events
      .filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain')
      .map(({ pid, tid }) => `${pid}.${tid}`),
  )
  return events
    .filter(({ name, ph, pid, tid }) => ph === 'X' && /RunTask$/.test(name) && mainThreads.has(`${pid}.${tid}`))
    .map(({ tdur = 0 }) => tdur / 1_000)
}

/** Their bytes are nowhere, which a list does not look at. */
async function insertRecords(mongoUrl: string): Promise<void> {
  const connection = await mongoose.createConnection(mongoUrl).asPromise()
  try {
    const start = Date.UTC(2026, 0, 1)
    for (let first = 0; first < COUNT; first += PER_INSERT) {
      const records = Array.from({ length: PER_INSERT }, (_, offset) => {
        const number = first + offset
        return {
          state: 'live',
          addressedBy: 'path',
          name: nameOf(number),
          size: 1_000 + number,
          sha256: randomBytes(32).toString('hex'),
          contentType: 'text/plain; charset=utf-8',
          owner: null,
          storageClass: 'single',
          createdAt: new Date(start + number * 60_000),
          expiresAt: null,
          chunks: [],
        }
      })
      await connection.collection('files').insertMany(records)
    }
  } finally {
    await connection.close()
  }
}

function nameOf(number: number): string {
  return `file ${String(number).padStart(6, '0')}.txt`
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}
