import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Browser, type BrowserContext, devices, type Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { waitUntil } from '../cluster/wait-until.ts'
import { findBarriers } from './page-watch.ts'
import type { Sample } from './samples.ts'
import { takeScreenshot } from './screenshots.ts'
import { makeTracks, type TestTrack } from './tracks.ts'
import { holdVerdicts, judge, noteFailed } from './verdicts.ts'

export interface AudioStage {
  readonly page: Page
  readonly context: BrowserContext
  readonly browser: Browser
  readonly url: string
  readonly mongoUrl: string
  /** Where files can be written. */
  readonly directory: string
  readonly samples: Readonly<Record<string, Sample>>
}

/** The media keys and the lock screen call these. */
const keepHandlers = `{
  const set = MediaSession.prototype.setActionHandler
  window.mediaHandlers = {}
  MediaSession.prototype.setActionHandler = function (action, handler) {
    window.mediaHandlers[action] = handler
    set.call(this, action, handler)
  }
}`

/** Tests the view of audio and the player, on the cluster and in the browser of other tests. */
export function testAudioView(stage: () => AudioStage): void {
  let tracks: TestTrack[] = []

  const position = (page: Page) => page.getByRole('slider', { name: 'Position' })
  const secondsAt = async (page: Page) => Number(await position(page).getAttribute('aria-valuenow'))
  const titles = (page: Page) => page.locator('.tracks .body .name').allTextContents()
  const playing = (page: Page, title: string) => page.locator('.now').getByText(title, { exact: true }).waitFor()

  test('stores audio, refuses what is none, and shows the verdict of each as it comes', async () => {
    const { page, url, mongoUrl, samples, directory } = stage()
    tracks = makeTracks(samples.picture?.buffer ?? Buffer.alloc(0))
    await page.addInitScript(keepHandlers)
    await page.goto(`${url}/#audio`)
    await page.reload()
    await page.getByText('There is no audio yet.').waitFor()
    const whole = tracks[0]?.file.buffer ?? Buffer.alloc(0)
    const cut: Sample = { name: 'cut off.wav', mimeType: 'audio/wav', buffer: whole.subarray(0, whole.length / 2) }
    const files = [...tracks.map(({ file }) => file), cut, samples.text]
    // A browser that reads them from the disk is quicker than one that they are sent to.
    const paths = await Promise.all(
      files.map(async (file) => {
        const path = join(directory, file?.name ?? '')
        await writeFile(path, file?.buffer ?? '')
        return path
      }),
    )
    // No verdict comes before the page was seen without one.
    const letPass = await holdVerdicts(page)
    await page.locator('input[type=file]').setInputFiles(paths)
    await page.getByRole('heading', { name: '9 stored, 1 not stored' }).waitFor()
    await page
      .locator('.uploads li.failed')
      .getByText(/Not stored\. .*begins like no audio/)
      .waitFor()
    await page.locator('.uploads li.stored').getByText('checking…').first().waitFor()
    await letPass()
    await judge(mongoUrl, tracks, cut.name)
    await page.locator('.uploads').getByText('damaged: ').waitFor()
    await waitUntil(
      'all are judged',
      async () => (await page.locator('.uploads').getByText('decodes without an error').count()) === tracks.length,
    )
    expect(await findBarriers(page)).toEqual([])
    await page.getByRole('button', { name: 'Clear' }).click()
    await page.locator('.tracks').getByText('Damaged').waitFor()
  })

  test('says why a file could not be checked', async () => {
    const { page, url, mongoUrl } = stage()
    const file = { ...(tracks[7]?.file as Sample), name: 'unheard.wav' }
    const letPass = await holdVerdicts(page)
    await page.locator('input[type=file]').setInputFiles(file)
    await page.locator('.uploads li.stored').getByText('checking…').waitFor()
    const reason = 'it was not decoded: the file-server is away'
    await noteFailed(mongoUrl, file.name, reason)
    await letPass()
    await page.locator('.uploads').getByText(`not checked: ${reason}`).waitFor()
    expect(await findBarriers(page)).toEqual([])
    expect((await fetch(`${url}/file/${file.name}`, { method: 'DELETE' })).ok).toBe(true)
    await page.reload()
  })

  test('lists audio by artist, album and duration, and filters it', async () => {
    const { page } = stage()
    await page.getByText('9 tracks').waitFor()
    const row = page.locator('.tracks .row', { hasText: 'Fog Signal' })
    expect(await row.locator('.name').textContent()).toBe('Fog Signal')
    const columns = ['.artist', '.album', '.duration'].map((column) => row.locator(column).textContent())
    expect(await Promise.all(columns)).toEqual(['Ida Marsh', 'Coastwise', '5:05'])
    await page.getByRole('spinbutton', { name: 'Shortest, in minutes' }).fill('3.5')
    await page.getByRole('spinbutton', { name: 'Longest, in minutes' }).fill('6')
    await page.getByText('3 tracks').waitFor()
    await page.getByRole('button', { name: 'Duration' }).click()
    const byDuration = ['North Head', 'Slipway', 'Fog Signal']
    await waitUntil('they are sorted', async () => (await titles(page)).join() === byDuration.join() || titles(page))
    await page.getByRole('searchbox').fill('coast fog')
    await page.getByText('1 track', { exact: true }).waitFor()
    await page.getByRole('searchbox').fill('nothing like it')
    await page.getByRole('button', { name: 'Clear the filters' }).click()
    await page.getByText('9 tracks').waitFor()
    await page.getByRole('combobox', { name: 'Sort by' }).selectOption('artist asc')
    await waitUntil('they are sorted anew', async () => (await titles(page))[0] === 'Fog Signal' || titles(page))
  })

  test('plays, seeks on the waveform by pointer and keys, and goes on to the next, whatever view is shown', async () => {
    const { page } = stage()
    await page.getByRole('button', { name: 'Play Winter Moorings' }).click()
    await waitUntil('it plays', async () => (await secondsAt(page)) >= 1)
    await waitUntil('the waveform is there', async () =>
      page.evaluate("document.querySelector('.waveform path').getBBox().height > 1.9"),
    )
    const { x, y, width, height } = (await position(page).boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 }
    // A pause, so that it does not play on while it is looked at.
    await page.getByRole('button', { name: 'Pause', exact: true }).click()
    await page.mouse.click(x + width / 2, y + height / 2)
    await waitUntil('it is in the middle', async () => Math.abs((await secondsAt(page)) - 206) <= 4)
    await position(page).press('PageUp')
    await waitUntil('it is further on', async () => Math.abs((await secondsAt(page)) - 236) <= 6)
    await page.getByRole('button', { name: 'Play', exact: true }).click()
    await page.getByRole('link', { name: 'Files' }).click()
    const before = await secondsAt(page)
    await waitUntil('it goes on', async () => (await secondsAt(page)) > before)
    await position(page).press('End')
    await playing(page, 'Ebb')
    await page.getByRole('button', { name: 'Pause', exact: true }).click()
    await page.getByRole('button', { name: 'Play', exact: true }).waitFor()
    await page.getByRole('link', { name: 'Audio' }).click()
    await page.locator('.tracks .current').getByText('Ebb').waitFor()
  })

  test('is steered by media keys, and has a queue that can be changed', async () => {
    const { page } = stage()
    const session = () => page.evaluate<string>('navigator.mediaSession.metadata.title')
    expect(await session()).toBe('Ebb')
    await page.evaluate('mediaHandlers.play()')
    await page.getByRole('button', { name: 'Pause', exact: true }).waitFor()
    await page.evaluate('mediaHandlers.seekto({ seekTime: 12 })')
    await waitUntil('it is there', async () => (await secondsAt(page)) >= 12)
    // It must not end while its queue is looked at.
    await page.evaluate('mediaHandlers.pause()')
    await page.getByRole('button', { name: 'More for Bell Buoy' }).click()
    await page.getByRole('menuitem', { name: 'Play next' }).click()
    await page.getByRole('button', { name: 'Queue', exact: true }).click()
    const entries = page.locator('.queue .entry .name')
    expect((await entries.allTextContents()).slice(2, 6)).toEqual(['Winter Moorings', 'Ebb', 'Bell Buoy', 'North Head'])
    await page.getByRole('button', { name: 'Take Winter Moorings out of the queue' }).click()
    await page.evaluate('mediaHandlers.nexttrack()')
    await playing(page, 'Bell Buoy')
    expect(await session()).toBe('Bell Buoy')
    await page.locator('.queue').getByRole('button', { name: 'Clear' }).click()
    expect(await entries.allTextContents()).toEqual(['Bell Buoy'])
    expect(await page.getByRole('button', { name: 'Next track' }).isDisabled()).toBe(true)
    expect(await findBarriers(page)).toEqual([])
    await page.keyboard.press('Escape')
    await entries.first().waitFor({ state: 'detached' })
    expect(await page.evaluate('document.activeElement.ariaLabel')).toBe('Queue')
  })

  test('gives a torrent and a magnet link of a file', async () => {
    const { page, url } = stage()
    await page.getByRole('button', { name: 'More for Ebb' }).click()
    await page.getByRole('menuitem', { name: 'Torrent' }).click()
    const magnet = await page.getByLabel('Magnet link').inputValue()
    expect(magnet).toMatch(/^magnet:\?xt=urn:btih:[0-9a-f]{40}&dn=salt-tar%20-%20ebb\.wav&/)
    const torrent = await page.getByRole('link', { name: 'Torrent file' }).getAttribute('href')
    expect((await fetch(url + torrent)).headers.get('content-type')).toBe('application/x-bittorrent')
    expect(await findBarriers(page)).toEqual([])
    await page.keyboard.press('Escape')
  })

  test('shows audio as it should on a desktop, a phone and in the dark', async () => {
    const { page, browser, context, url } = stage()
    await showPlaying(page)
    await takeScreenshot(page, 'audio')
    expect(await findBarriers(page)).toEqual([])
    await page.getByRole('button', { name: 'Close the player' }).click()
    await page.locator('.player').waitFor({ state: 'detached' })

    const wide = { viewport: { width: 1280, height: 860 }, colorScheme: 'dark' } as const
    const { defaultBrowserType: _, ...pixel } = devices['Pixel 7'] ?? {}
    const storageState = await context.storageState()
    for (const [name, device] of Object.entries({
      'audio-dark': wide,
      'phone-audio': { ...pixel, deviceScaleFactor: 1.5 },
    })) {
      const other = await browser.newContext({ ...device, locale: 'en-GB', storageState })
      const otherPage = await other.newPage()
      await otherPage.goto(`${url}/#audio`)
      await showPlaying(otherPage)
      expect(await otherPage.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true)
      await takeScreenshot(otherPage, name)
      expect(await findBarriers(otherPage)).toEqual([])
      await other.close()
    }
  })

  /** In the middle of a track, so that the waveform shows both. */
  async function showPlaying(page: Page): Promise<void> {
    await page.getByRole('combobox', { name: 'Sort by' }).selectOption('album asc')
    await page.getByRole('columnheader', { name: 'Album' }).locator('svg').waitFor()
    await waitUntil('they are sorted', async () => (await titles(page))[3] === 'North Head' || titles(page))
    await page.getByRole('button', { name: 'Play North Head' }).first().click()
    await waitUntil('it plays', async () => (await secondsAt(page)) >= 1)
    await position(page).press('PageUp')
    await position(page).press('PageUp')
    await page.getByRole('button', { name: 'Pause', exact: true }).click()
    await waitUntil('the waveform is there', async () =>
      page.evaluate("document.querySelector('.waveform path').getBBox().height > 1.9"),
    )
    await page.evaluate('document.activeElement?.blur(), scrollTo(0, 0)')
    await page.mouse.move(0, 0)
  }
}
