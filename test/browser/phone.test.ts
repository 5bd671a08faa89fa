import { randomBytes } from 'node:crypto'
import { type Browser, type BrowserContext, devices, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest'
import { type Described, sha256 } from '../cluster/shares.ts'
import { TestCluster } from '../cluster/test-cluster.ts'
import { waitUntil } from '../cluster/wait-until.ts'
import { isFullRun } from '../full-run.ts'
import { findBrowser, launchBrowser } from './browser.ts'
import { CuttableNetwork } from './cuttable-network.ts'
import { findBarriers, watchPage } from './page-watch.ts'

const KiB = 1024
const MiB = 1024 ** 2

const notes = Array.from({ length: 12 }, (_, index) => ({
  name: `note ${String(index + 1).padStart(2, '0')}.txt`,
  mimeType: 'text/plain',
  buffer: Buffer.from(randomBytes(index === 0 ? 8 * MiB : 24 * KiB).toString('base64')),
}))

const program = await findBrowser()

describe.runIf(program !== null && isFullRun)('the page on a phone', () => {
  let cluster: TestCluster
  let browser: Browser
  let context: BrowserContext
  let page: Page
  let problems: string[]
  let network: CuttableNetwork

  beforeAll(async () => {
    ;[cluster, browser] = await Promise.all([
      TestCluster.start({ mongoUrl: inject('mongoUrl') }),
      launchBrowser(program ?? { executablePath: '', env: {} }),
    ])
    network = new CuttableNetwork(() => new URL(cluster.url))
    await network.listen()
    const { defaultBrowserType: _, ...pixel } = devices['Pixel 7'] ?? {}
    context = await browser.newContext({ ...pixel, locale: 'en-GB' })
    await context.grantPermissions(['clipboard-read', 'clipboard-write'])
    page = await context.newPage()
    ;({ problems } = watchPage(page))
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

  const rowName = (name: string) => page.locator('.table').getByRole('button', { name, exact: true })
  const tapInMenu = async (name: string, item: string) => {
    await page.getByRole('button', { name: `More for ${name}` }).tap()
    await page.getByRole('menuitem', { name: item }).tap()
  }

  test('stores each file once, though it was offline and the manager was killed', async () => {
    network.uploadRate = 2 * MiB
    await page.locator('input[type=file]').setInputFiles(notes)
    const sending = page.locator('.uploads li.sending').filter({ hasText: 'note 01.txt' })
    await sending.getByText(/MB\/s/).waitFor()
    // The browser fails only what begins from then on.
    await context.setOffline(true)
    network.cut()
    await page.locator('.uploads li.pausing').filter({ hasText: 'note 01.txt' }).waitFor()
    expect(await findBarriers(page)).toEqual([])
    network.mend()
    await context.setOffline(false)
    await sending.getByText(/MB\/s/).waitFor()
    await cluster.managers[0]?.process.kill()
    network.uploadRate = Number.POSITIVE_INFINITY
    await cluster.restartManager()
    await page.getByRole('heading', { name: '12 files stored' }).waitFor({ timeout: 50_000 })

    const list = await fetch(`${cluster.url}/files?shares=true`)
    const { files: stored } = (await list.json()) as { files: Described[] }
    const described = notes.map(({ name, buffer }) => [name, sha256(buffer)])
    expect(stored.map((file) => [file.name, file.sha256])).toEqual(described)
    await page.reload()
    await page.getByText('12 files', { exact: true }).waitFor()
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true)
  })

  test('finds, previews, shares, renames, and deletes what is not taken back', async () => {
    await page.getByRole('searchbox').fill('E 07')
    await page.getByText('1 file', { exact: true }).waitFor()
    await rowName('note 07.txt').tap()
    const text = notes[6]?.buffer.toString() ?? ''
    await page.getByRole('dialog').getByText(text.slice(0, 80)).waitFor()
    expect(await findBarriers(page)).toEqual([])
    await page.getByRole('button', { name: 'Close' }).tap()

    await tapInMenu('note 07.txt', 'Copy link')
    const link = String(await page.evaluate('navigator.clipboard.readText()'))
    const stranger = await browser.newContext()
    const opened = await (await stranger.newPage()).goto(link)
    expect(await opened?.text()).toBe(text)
    await stranger.close()

    await tapInMenu('note 07.txt', 'Rename')
    await page.getByLabel('Name', { exact: true }).fill('verse 07.txt')
    await page.getByRole('dialog').getByRole('button', { name: 'Rename' }).tap()
    await rowName('verse 07.txt').waitFor()

    await tapInMenu('verse 07.txt', 'Delete')
    await rowName('verse 07.txt').waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Undo' }).tap()
    await rowName('verse 07.txt').waitFor()
    expect((await fetch(link)).status).toBe(200)
    await tapInMenu('verse 07.txt', 'Delete')
    await page.reload()
    await page.getByText('11 files', { exact: true }).waitFor()
    await waitUntil('it is deleted', async () => (await fetch(link)).status === 404)
  })

  test('sees a file-server that is killed', async () => {
    await page.getByRole('link', { name: 'Cluster' }).tap()
    await page.getByText('3 of 3').waitFor()
    await cluster.fileServers[2]?.process.kill()
    await page.locator('.servers').getByText('Not heard from').waitFor()
    await page.getByText('2 of 3').waitFor()
    expect(await findBarriers(page)).toEqual([])
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true)
    expect(problems).toEqual([])
  })
})
