import { mkdir, stat } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { expect } from 'vitest'

const MOST_BYTES = 200_000

/** `SCREENSHOTS=docs npm test test/browser/` renews those that README and docs show. Else they go where nobody commits them. */
const folder = new URL(
  process.env.SCREENSHOTS === 'docs' ? '../../docs/screenshots/' : '../../.test-output/',
  import.meta.url,
)

export async function takeScreenshot(page: Page, name: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  const path = fileURLToPath(new URL(`${name}.png`, folder))
  await page.screenshot({ path, animations: 'disabled', caret: 'hide' })
  expect((await stat(path)).size, name).toBeLessThan(MOST_BYTES)
}
