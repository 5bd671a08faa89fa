import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest'
import type { Described } from '../cluster/shares.ts'
import { TestCluster } from '../cluster/test-cluster.ts'
import { waitUntil } from '../cluster/wait-until.ts'
import { countOf, isFullRun } from '../full-run.ts'
import { findBrowser, launchBrowser } from './browser.ts'
import { CuttableNetwork } from './cuttable-network.ts'
import { drop, type FileOnDisk, makeFiles, sha256Of } from './files-to-drop.ts'
import { watchPage } from './page-watch.ts'

const KiB = 1024
const MiB = 1024 ** 2
const SMALL_COUNT = countOf(200, 40)
const LARGE_BYTES = countOf(1024 * MiB, 48 * MiB)
const LARGE = 'film of the storm.mkv'
const DEADLINE_MS = countOf(600_000, 180_000)

const program = await findBrowser()

describe.runIf(program !== null)('files that are dropped on the page', () => {
  let cluster: TestCluster
  let browser: Browser
  let page: Page
  let problems: string[]
  let network: CuttableNetwork
  let files: FileOnDisk[]

  beforeAll(async () => {
    ;[cluster, browser] = await Promise.all([
      TestCluster.start({ mongoUrl: inject('mongoUrl') }),
      launchBrowser(program ?? { executablePath: '', env: {} }),
    ])
    network = new CuttableNetwork(() => new URL(cluster.url))
    await network.listen()
    page = await browser.newPage({ viewport: { width: 1280, height: 860 }, locale: 'en-GB' })
    ;({ problems } = watchPage(page))
    const names = Array.from({ length: SMALL_COUNT }, (_, index) => `log-${String(index + 1).padStart(3, '0')}.txt`)
    const small = names.map((name, index) => [name, 64 * KiB + index])
    files = await makeFiles(join(cluster.directory, 'dropped'), Object.fromEntries([[LARGE, LARGE_BYTES], ...small]))
    await page.goto(network.url)
  }, 120_000)
  afterAll(async () => {
    await browser?.close()
    await network?.[Symbol.asyncDispose]()
    await cluster?.[Symbol.asyncDispose]()
  })

  afterEach(({ task }) => {
    if (task.result?.state === 'fail') return page.screenshot({ path: `.test-output/failed-${task.id}.png` })
  })

  const large = (state: string) => page.locator(`.uploads li.${state}`).filter({ hasText: LARGE })
  /** Waits until so many are stored while the large one is on its way. */
  const underWay = async (count: number) => {
    await waitUntil(`${count} files are stored`, async () => {
      const title = (await page.locator('#uploads-title').textContent()) ?? ''
      return Number(/· (\d+) of/.exec(title)?.[1] ?? 0) >= count || title
    })
    await large('sending').getByText(/MB\/s/).waitFor()
  }

  test(
    'are stored, though the network is cut as an answer comes and the manager is killed',
    async () => {
      network.uploadRate = LARGE_BYTES / 20
      await drop(
        page,
        files.map(({ path }) => path),
      )
      await underWay(SMALL_COUNT / 8)
      await network.cutAtAnswer()
      await large('pausing')
        .getByText(/Trying again/)
        .waitFor()
      network.mend()
      await underWay(SMALL_COUNT / 2)
      await cluster.managers[0]?.process.kill()
      await large('pausing').waitFor()
      network.uploadRate = Number.POSITIVE_INFINITY
      await cluster.restartManager()
      await page.getByRole('heading', { name: `${files.length} files stored` }).waitFor({ timeout: DEADLINE_MS })
    },
    DEADLINE_MS,
  )

  test(
    'are in the store once each, with all their bytes',
    async () => {
      const answer = await fetch(`${cluster.url}/files?shares=true&limit=1000`)
      const { files: stored } = (await answer.json()) as { files: Described[] }
      expect(stored.map(({ name }) => name)).toEqual(files.map(({ name }) => name).sort())
      for (const { name, sha256 } of files) {
        const { body } = await fetch(cluster.url + stored.find((one) => one.name === name)?.url)
        expect(await sha256Of(body as unknown as AsyncIterable<Uint8Array>), name).toBe(sha256)
      }
    },
    DEADLINE_MS,
  )

  test('are in the list once each after a reload', async () => {
    await page.reload()
    await page.getByText(`${files.length} files`).first().waitFor()
    expect((await namesInList(page)).sort()).toEqual(files.map(({ name }) => name).sort())
    await page.getByRole('searchbox').fill('STORM')
    await page.getByText('1 file', { exact: true }).waitFor()
    expect(problems).toEqual([])
  })

  test.runIf(isFullRun)('are taken from a folder up to 10,000, and the page says that there are more', async () => {
    const folder = join(cluster.directory, 'too-many')
    await makeFiles(folder, Object.fromEntries(Array.from({ length: 10_001 }, (_, index) => [`${index}.txt`, 0])))
    await drop(page, [folder])
    await page.getByText('Only the first 10,000 files are uploaded').waitFor()
    await page.getByText(/of 10,000 stored/).waitFor()
  })
})

/** @returns the names of all rows, of which the page has only those that can be seen */
async function namesInList(page: Page): Promise<string[]> {
  const names = new Map<string, string>()
  const count = Number(await page.locator('.table').getAttribute('aria-rowcount')) - 1
  await waitUntil(`all ${count} rows are seen`, async () => {
    const rows = await page.evaluate<[string, string][]>(
      `[...document.querySelectorAll('.table .body .row')].map((row) => [row.dataset.index, row.querySelector('.name')?.textContent])`,
    )
    for (const [index, name] of rows) names.set(index, name)
    await page.mouse.wheel(0, 600)
    return names.size === count || names.size
  })
  return [...names.values()]
}
