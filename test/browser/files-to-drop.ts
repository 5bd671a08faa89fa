import { createHash, randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Page } from 'playwright-core'

const MiB = 1024 ** 2
const BLOCK_BYTES = 4_096

export interface FileOnDisk {
  readonly path: string
  readonly name: string
  readonly sha256: string
}

/** Writes files with different bytes. The browser reads them from there, so that a large one takes no memory of the test. */
export async function makeFiles(directory: string, sizes: Readonly<Record<string, number>>): Promise<FileOnDisk[]> {
  await mkdir(directory, { recursive: true })
  const files: FileOnDisk[] = []
  for (const [name, size] of Object.entries(sizes)) {
    const path = join(directory, name)
    await writeSparse(path, size)
    files.push({ path, name: basename(name), sha256: await sha256Of(createReadStream(path)) })
  }
  return files
}

export async function sha256Of(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(bytes, hash)
  return hash.digest('hex')
}

/** Drops files on the middle of the page, as a file manager does. */
export async function drop(page: Page, paths: readonly string[]): Promise<void> {
  const { width = 0, height = 0 } = page.viewportSize() ?? {}
  const debug = await page.context().newCDPSession(page)
  const data = { items: [], files: [...paths], dragOperationsMask: 1 }
  const send = (type: 'dragEnter' | 'dragOver' | 'drop') =>
    debug.send('Input.dispatchDragEvent', { type, x: width / 2, y: height / 2, data })
  const shows = (selector: string) =>
    page
      .locator(selector)
      .waitFor({ timeout: 10_000 })
      .then(
        () => true,
        () => false,
      )
  try {
    // A browser that is busy loses an event now and then, as a hand that slips.
    for (let attempt = 0; attempt < 3; attempt++) {
      await send('dragEnter')
      await send('dragOver')
      if (!(await shows('.dropzone.over'))) continue
      await send('drop')
      if (await shows('.dropzone:not(.over)')) return
    }
    throw new Error('the page took no drop')
  } finally {
    await debug.detach()
  }
}

/** A random block in each MiB tells all of them apart, and the zeros between them take no place on the disk. */
async function writeSparse(path: string, size: number): Promise<void> {
  const file = await open(path, 'w')
  try {
    await file.truncate(size)
    for (let at = 0; at < size; at += MiB) await file.write(randomBytes(Math.min(BLOCK_BYTES, size - at)), 0, null, at)
  } finally {
    await file.close()
  }
}
