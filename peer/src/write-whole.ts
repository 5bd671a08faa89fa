import { open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncDirectory } from '@holdfast/shared/node/make-directory'

/** Durably takes the place of a file as a whole, so that a crash leaves the one or the other. */
export async function writeWhole(path: string, content: Uint8Array | string): Promise<void> {
  const handle = await open(`${path}.new`, 'w', 0o600)
  try {
    await handle.writeFile(content)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(`${path}.new`, path)
  await syncDirectory(dirname(path))
}
