import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { TestCluster } from '../cluster/test-cluster.ts'
import { waitUntil } from '../cluster/wait-until.ts'
import { findBrowser, launchBrowser } from './browser.ts'
import { HIT, hostileFiles } from './hostile-files.ts'

const program = await findBrowser()

interface Stored {
  readonly id: string
  readonly name: string
  readonly url: string
}

describe.runIf(program !== null)('of what people store', () => {
  let cluster: TestCluster
  let browser: Browser
  let context: BrowserContext
  let page: Page
  let stored: Stored[]
  const hits: string[] = []

  beforeAll(async () => {
    ;[cluster, browser] = await Promise.all([
      TestCluster.start({ mongoUrl: inject('mongoUrl') }),
      launchBrowser(program ?? { executablePath: '', env: {} }),
    ])
    context = await browser.newContext({ viewport: { width: 1280, height: 860 }, acceptDownloads: true })
    context.on('dialog', (dialog) => {
      hits.push(`dialog: ${dialog.message()}`)
      dialog.dismiss().catch(() => undefined)
    })
    context.on('request', (request) => {
      if (new URL(request.url()).pathname.endsWith(HIT)) hits.push(request.frame().url())
    })
    page = await context.newPage()
    stored = []
    // Of the name of a share only the last segment is kept.
    for (const [number, file] of hostileFiles.entries())
      stored.push(await store(file, number % 2 === 0 || file.name.includes('/')))
    const shares = stored.filter(({ id }) => id.length === 32)
    await page.goto(cluster.url)
    for (const share of shares)
      await page.evaluate(
        `localStorage.setItem('holdfast.share.${share.id}', ${JSON.stringify(JSON.stringify(share))})`,
      )
  }, 120_000)
  afterAll(async () => {
    await browser?.close()
    await cluster?.[Symbol.asyncDispose]()
  })

  async function store(
    { name, contents, contentType }: (typeof hostileFiles)[number],
    hasPath: boolean,
  ): Promise<Stored> {
    const address = hasPath ? `/file/${encodeURIComponent(name)}` : `/upload?name=${encodeURIComponent(name)}`
    const answer = await fetch(cluster.url + address, {
      method: hasPath ? 'PUT' : 'POST',
      body: contents,
      headers: { 'content-type': 'application/octet-stream' },
    })
    expect(answer.status, name).toBe(201)
    const { id } = (await answer.json()) as { id: string }
    const described = await fetch(`${cluster.url}/files/${id}`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(contentType === undefined ? {} : { contentType }),
    })
    expect(described.status, name).toBe(200)
    return (await described.json()) as Stored
  }

  test('a script that runs would be noticed', async () => {
    await page.evaluate(`fetch('${HIT}')`)
    await waitUntil('it is noticed', () => hits.length === 1)
    hits.length = 0
  })

  test('fifty names, types and contents run nothing in the list, in previews and in dialogs', async () => {
    expect(stored).toHaveLength(50)
    await page.goto(cluster.url)
    await page.reload()
    await page.getByText('50 files').waitFor()
    for (let seen = 0; seen < 50; seen += 12) await page.mouse.wheel(0, 620)
    await page.evaluate('scrollTo(0, 0)')
    await page.locator('.table .body .name').first().click()
    const shown = new Set<string>()
    for (let number = 0; number < 50; number++) {
      await page.locator('.stage').locator('img, video, audio, canvas, pre, .nothing').first().waitFor()
      shown.add((await page.locator('dialog h2').textContent()) ?? '')
      if (number < 49) await page.getByRole('button', { name: 'Next file' }).click()
    }
    expect([...shown].sort()).toEqual(stored.map(({ name }) => name).sort())
    await page.keyboard.press('Escape')
    expect(hits).toEqual([])
  }, 180_000)

  test('nothing runs where a browser goes to a file itself, nor in the list without scripts', async () => {
    const tab = await context.newPage()
    for (const { url } of stored) {
      // What is only for saving begins a download, which is no page.
      const isShown = await tab.goto(cluster.url + url, { waitUntil: 'load' }).catch(() => null)
      if (isShown === null) await tab.waitForTimeout(1)
    }
    const rows = await tab.goto(`${cluster.url}/files?limit=1000`)
    expect(rows?.headers()['content-type']).toContain('text/html')
    expect(await tab.locator('tbody tr').count()).toBe(stored.filter(({ id }) => id.length === 24).length)
    expect(await tab.locator('main script, main img, main svg, main iframe, main style').count()).toBe(0)
    await tab.close()
    expect(hits).toEqual([])
  }, 180_000)
})
