import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Browser, type BrowserContext, devices, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest'
import type { Described } from '../cluster/shares.ts'
import { TestCluster } from '../cluster/test-cluster.ts'
import { waitUntil } from '../cluster/wait-until.ts'
import { testAudioView } from './audio-view.ts'
import { findBrowser, launchBrowser } from './browser.ts'
import { CuttableNetwork } from './cuttable-network.ts'
import { findBarriers, watchPage } from './page-watch.ts'
import { makeSamples, type Sample } from './samples.ts'
import { takeScreenshot } from './screenshots.ts'

const MiB = 1024 ** 2
const program = await findBrowser()

describe.runIf(program !== null)('the page', () => {
  let cluster: TestCluster
  let browser: Browser
  let context: BrowserContext
  let page: Page
  let problems: string[]
  let samples: Record<string, Sample>
  let network: CuttableNetwork

  beforeAll(async () => {
    ;[cluster, browser] = await Promise.all([
      TestCluster.start({
        mongoUrl: inject('mongoUrl'),
        environmentOf: (number) => ({ ZONE: number < 3 ? 'attic' : 'cellar' }),
      }),
      launchBrowser(program ?? { executablePath: '', env: {} }),
    ])
    network = new CuttableNetwork(() => new URL(cluster.url))
    await network.listen()
    context = await browser.newContext({ viewport: { width: 1280, height: 860 }, locale: 'en-GB' })
    await context.grantPermissions(['clipboard-read', 'clipboard-write'])
    samples = await makeSamples(context)
    page = await context.newPage()
    ;({ problems } = watchPage(page))
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
  const choose = (files: readonly Sample[] | string) =>
    page.locator('input[type=file]').setInputFiles(files as Sample[])
  const rowMenu = async (name: string, item: string) => {
    await page.getByRole('button', { name: `More for ${name}` }).click()
    await page.getByRole('menuitem', { name: item }).click()
  }
  const finished = (title: string) => page.getByRole('heading', { name: title }).waitFor({ timeout: 50_000 })

  test('is there in less than 100 KB, and loads nothing from elsewhere', async () => {
    const sizes: number[] = []
    const origins = new Set<string>()
    const measure = async (finishedPage: Page) => {
      finishedPage.on('requestfinished', async (request) => {
        origins.add(new URL(request.url()).origin)
        const { responseBodySize, responseHeadersSize } = await request.sizes()
        sizes.push(responseBodySize + responseHeadersSize)
      })
    }
    await measure(page)
    await page.goto(network.url)
    await page.getByText('Nothing is stored yet.').waitFor()
    await waitUntil('the files of the page are counted', () => sizes.length >= 4)
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(100_000)
    expect([...origins]).toEqual([new URL(network.url).origin])
    page.removeAllListeners('requestfinished')
    expect(await findBarriers(page)).toEqual([])
  })

  test('stores 200 files at once, each with a link that it keeps over a reload', async () => {
    const files = Array.from({ length: 200 }, (_, index) => ({
      name: `log-${String(index + 1).padStart(3, '0')}.txt`,
      mimeType: 'text/plain',
      buffer: Buffer.from(`line ${index}\n`.repeat(50)),
    }))
    await choose(files)
    await finished('200 files stored')
    await page.reload()
    await page.getByText('200 files').first().waitFor()
    await page.getByRole('searchbox').fill('LOG-137')
    await rowName('log-137.txt').waitFor()
    await page.getByText('1 file', { exact: true }).waitFor()
    await page.getByRole('searchbox').fill('')
    await page.getByText('200 files').first().waitFor()
    await page.evaluate('localStorage.clear()')
    await page.reload()
    await page.getByText('Nothing is stored yet.').waitFor()
  })

  test('goes on by itself after the network was cut', async () => {
    const path = await sparseFile(cluster.directory, 'film of the storm.mkv', 48 * MiB)
    network.uploadRate = 4 * MiB
    await choose(path)
    await page
      .locator('.uploads li.sending')
      .getByText(/MB\/s · \d+ s left/)
      .waitFor()
    network.cut()
    await page
      .locator('.uploads li.pausing')
      .getByText(/Trying again/)
      .waitFor()
    network.uploadRate = Number.POSITIVE_INFINITY
    network.mend()
    await finished('1 file stored')
    await rm(path)
  })

  test('goes on by itself after the manager was killed, and cancels and retries when it is told to', async () => {
    const path = await sparseFile(cluster.directory, 'disk image.iso', 64 * MiB)
    network.uploadRate = 6 * MiB
    await choose(path)
    await page.locator('.uploads li.sending').getByText(/MB\/s/).waitFor()
    await cluster.managers[0]?.process.kill()
    await page.locator('.uploads li.pausing').waitFor()
    network.uploadRate = Number.POSITIVE_INFINITY
    await cluster.restartManager()
    await cluster.settled()
    await page.getByRole('heading', { name: '2 files stored' }).waitFor({ timeout: 50_000 })
    await page.getByRole('button', { name: 'Clear' }).click()
    network.uploadRate = 4 * MiB
    await choose(path)
    await page.locator('.uploads li.sending').getByText(/MB\/s/).waitFor()
    await page.getByRole('button', { name: 'Cancel disk image.iso' }).click()
    await page.getByText('Cancelled').first().waitFor()
    network.uploadRate = Number.POSITIVE_INFINITY
    await page.getByRole('button', { name: 'Retry disk image.iso' }).click()
    await finished('1 file stored')
    await page.getByRole('button', { name: 'Clear' }).click()
    await rm(path)
  }, 90_000)

  test('shows pictures, film, sound, documents and text', async () => {
    await page.getByLabel('Links expire').selectOption('7d')
    await choose(Object.values(samples))
    await finished('5 files stored')
    await page.getByRole('button', { name: 'Clear' }).click()
    await page.getByLabel('Links expire').selectOption('')
    const dialog = page.getByRole('dialog')

    await rowName('harbour at dusk.jpg').click()
    await waitUntil('the picture is drawn', () =>
      page.evaluate("document.querySelector('.stage img')?.naturalWidth === 1600"),
    )
    await takeScreenshot(page, 'preview')
    expect(await findBarriers(page)).toEqual([])
    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'detached' })
    expect(await page.evaluate('document.activeElement?.textContent')).toBe('harbour at dusk.jpg')

    await rowName('tide.webm').click()
    await waitUntil('the film can play', () => page.evaluate("document.querySelector('.stage video')?.readyState >= 2"))
    await page.keyboard.press('Escape')
    await rowName('foghorn.wav').click()
    await waitUntil('the sound has a length', () =>
      page.evaluate("document.querySelector('.stage audio')?.duration === 1"),
    )
    await page.keyboard.press('Escape')
    await rowName('tides.csv').click()
    await dialog.getByText('North head,06:00,12:00').waitFor()
    await page.keyboard.press('Escape')
    await rowName('survey of the wall.pdf').click()
    const isDrawn = `(() => {
      const page = document.querySelector('.pages canvas')
      const pixels = page?.getContext('2d')?.getImageData(0, 0, page.width, page.height).data ?? []
      return pixels.some((value, index) => index % 4 === 0 && value < 60)
    })()`
    await waitUntil('the document is drawn', () => page.evaluate(isDrawn))
    expect(await findBarriers(page)).toEqual([])
    await page.keyboard.press('Escape')
  })

  test('copies a link that anybody can open, and shows it as a QR code', async () => {
    await page.getByRole('button', { name: 'Copy link to tides.csv' }).click()
    const link = String(await page.evaluate('navigator.clipboard.readText()'))
    expect(link).toMatch(new RegExp(`^${network.url}/download/[0-9a-f]{32}$`))
    const stranger = await browser.newContext()
    const answer = await stranger.request.get(link)
    expect((await answer.body()).equals(samples.text?.buffer ?? Buffer.alloc(0))).toBe(true)
    const other = await stranger.newPage()
    await other.goto(network.url)
    await other.getByText('Nothing is stored yet.').waitFor()
    await stranger.close()
    await rowMenu('tides.csv', 'QR code')
    await page.getByRole('img', { name: 'QR code of the link' }).waitFor()
    expect(await page.getByLabel('Link', { exact: true }).inputValue()).toBe(link)
    expect(await findBarriers(page)).toEqual([])
    await page.keyboard.press('Escape')
  })

  test('copies all links of an upload, also where a page by plain HTTP has no clipboard', async () => {
    const other = await context.newPage()
    await other.addInitScript("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    await other.goto(network.url)
    const two = ['one.txt', 'two.txt'].map((name) => ({ name, mimeType: 'text/plain', buffer: Buffer.from(name) }))
    await other.locator('input[type=file]').setInputFiles(two)
    await other.getByRole('heading', { name: '2 files stored' }).waitFor()
    await other.getByRole('button', { name: 'Copy all links' }).click()
    await other.getByText('2 links copied').waitFor()
    await other.close()
    await page.bringToFront()
    const links = String(await page.evaluate('navigator.clipboard.readText()')).split('\n')
    const bodies = await Promise.all(links.map(async (link) => (await context.request.get(link)).text()))
    expect(bodies).toEqual(['one.txt', 'two.txt'])
    for (const { name } of two) {
      const { files } = (await (await fetch(`${cluster.url}/files?shares=true&q=${name}`)).json()) as {
        files: Described[]
      }
      for (const { id } of files) await fetch(`${cluster.url}/files/${id}`, { method: 'DELETE' })
    }
  })

  test('renames files with a link and files with a path', async () => {
    await fetch(`${network.url}/file/minutes/november.txt`, { method: 'PUT', body: 'The minutes' })
    await fetch(`${network.url}/file/minutes/october.txt`, { method: 'PUT', body: 'The older minutes' })
    await page.reload()
    for (const [before, after] of [
      ['tides.csv', 'tides of the year.csv'],
      ['minutes/november.txt', 'minutes/2026-11.txt'],
    ] as const) {
      await rowMenu(before, 'Rename')
      await page.getByLabel('Name', { exact: true }).fill(after)
      await page.keyboard.press('Enter')
      await rowName(after).waitFor()
    }
    await rowMenu('minutes/2026-11.txt', 'Rename')
    await page.getByLabel('Name', { exact: true }).fill('minutes/october.txt')
    await page.keyboard.press('Enter')
    await page.getByText('File name already exists').waitFor()
    await page.keyboard.press('Escape')
    await page.reload()
    await rowName('tides of the year.csv').waitFor()
    expect(await (await fetch(`${network.url}/file/minutes/2026-11.txt`)).text()).toBe('The minutes')
  })

  test('deletes what is not taken back within some seconds, also where the page is left meanwhile', async () => {
    const statusOf = async (path: string) => (await fetch(network.url + path)).status
    await rowMenu('minutes/october.txt', 'Delete')
    await rowName('minutes/october.txt').waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Undo' }).click()
    await rowName('minutes/october.txt').waitFor()
    expect(await statusOf('/file/minutes/october.txt')).toBe(200)
    await rowName('minutes/october.txt').focus()
    await page.keyboard.press('Delete')
    await rowName('minutes/october.txt').waitFor({ state: 'detached' })
    expect(await page.evaluate("document.activeElement?.classList.contains('name')")).toBe(true)
    expect(await statusOf('/file/minutes/october.txt')).toBe(200)
    await page.reload()
    await waitUntil('it is deleted', async () => (await statusOf('/file/minutes/october.txt')) === 404)
  })

  test('goes by the keyboard, and looks as it should on a desktop, a phone and in the dark', async () => {
    await page.reload()
    await rowName('tides of the year.csv').focus()
    await page.keyboard.press('Home')
    const first = await page.evaluate('document.activeElement?.textContent')
    await page.keyboard.press('ArrowDown')
    expect(await page.evaluate('document.activeElement?.textContent')).not.toBe(first)
    await page.keyboard.press('Enter')
    await page.getByRole('dialog').waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await waitUntil('the focus is back', () => page.evaluate("document.activeElement?.className === 'name'"))
    await page.evaluate('document.activeElement?.blur()')
    await page.mouse.move(0, 0)
    await takeScreenshot(page, 'desktop')
    expect(await findBarriers(page)).toEqual([])
    await page.getByRole('button', { name: 'Size' }).click()
    expect(await page.locator('.table .body .name').first().textContent()).toBe('disk image.iso')

    const dark = await browser.newContext({
      viewport: { width: 1280, height: 860 },
      colorScheme: 'dark',
      locale: 'en-GB',
      storageState: await context.storageState(),
    })
    const darkPage = await dark.newPage()
    await darkPage.goto(network.url)
    await darkPage.getByText('harbour at dusk.jpg').waitFor()
    await takeScreenshot(darkPage, 'dark')
    expect(await findBarriers(darkPage)).toEqual([])
    await dark.close()

    const { defaultBrowserType: _, ...pixel } = devices['Pixel 7'] ?? {}
    const phone = await browser.newContext({
      ...pixel,
      deviceScaleFactor: 1.5,
      locale: 'en-GB',
      storageState: await context.storageState(),
    })
    const phonePage = await phone.newPage()
    await phonePage.goto(network.url)
    await phonePage.getByText('harbour at dusk.jpg').waitFor()
    expect(await phonePage.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true)
    await takeScreenshot(phonePage, 'phone')
    expect(await findBarriers(phonePage)).toEqual([])
    await phonePage.getByRole('link', { name: 'Cluster' }).tap()
    await phonePage.getByRole('heading', { name: 'File-servers' }).waitFor()
    expect(await phonePage.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true)
    await takeScreenshot(phonePage, 'phone-cluster')
    await phone.close()
  })

  testAudioView(() => {
    const { mongoUrl, directory } = cluster
    return { page, context, browser, url: network.url, mongoUrl, directory, samples }
  })

  test('shows the cluster, and sees a file-server that is killed', async () => {
    await page.goto(`${network.url}/#cluster`)
    await page.getByText('3 of 3').waitFor()
    await page.locator('.servers').getByText('Active').nth(2).waitFor()
    await page.locator('.loops').getByText('Rebalance').waitFor()
    await cluster.fileServers[2]?.process.kill()
    await page.locator('.servers').getByText('Not heard from').waitFor()
    await page.getByText('2 of 3').waitFor()
    await takeScreenshot(page, 'cluster')
    expect(await findBarriers(page)).toEqual([])
    await page.reload()
    await page.locator('.servers').getByText('Not heard from').waitFor()
  })

  test('stores and lists files without scripts', async () => {
    const plain = await browser.newContext({ javaScriptEnabled: false, viewport: { width: 1280, height: 860 } })
    const plainPage = await plain.newPage()
    await plainPage.goto(network.url)
    await plainPage.getByRole('link', { name: 'minutes/2026-11.txt' }).waitFor()
    await plainPage.getByLabel('Links expire').selectOption('1h')
    await plainPage.getByLabel('Files').setInputFiles([samples.text as Sample, samples.sound as Sample])
    await plainPage.getByRole('button', { name: 'Upload' }).click()
    await plainPage.getByRole('heading', { name: 'Your 2 files are stored' }).waitFor()
    const link = await plainPage.getByLabel('Link to tides.csv').inputValue()
    expect(await (await fetch(link)).text()).toBe(samples.text?.buffer.toString())
    await plain.close()
  })

  test('has done all that without an error', () => {
    expect(problems).toEqual([])
  })
})

/** Makes a file of zeros that takes no place on the disk. */
async function sparseFile(directory: string, name: string, size: number): Promise<string> {
  const path = join(directory, name)
  const file = await open(path, 'w')
  await file.truncate(size)
  await file.close()
  return path
}
