import { randomBytes } from 'node:crypto'
import { link, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { StoreError } from '@holdfast/shared/errors/store-error'

/**
 * Writes a whole file or nothing: into a temporary one beside the target, which then takes its name.
 * @throws FILE_EXISTS where the target is there and `isForced` is false, even if it appeared meanwhile.
 */
export async function saveFile(target: string, bytes: AsyncIterable<Uint8Array>, isForced: boolean): Promise<void> {
  const temporary = join(dirname(target), `.holdfast-${randomBytes(6).toString('hex')}.part`)
  try {
    const file = await open(temporary, 'wx')
    try {
      for await (const chunk of bytes) await file.writeFile(chunk)
      await file.sync()
    } finally {
      await file.close()
    }
    if (isForced) await rename(temporary, target)
    else await linkNew(temporary, target)
  } finally {
    await rm(temporary, { force: true })
  }
}

/** Unlike a rename, a link never replaces what has the name. */
async function linkNew(temporary: string, target: string): Promise<void> {
  try {
    await link(temporary, target)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'EEXIST') throw targetExists(target, cause)
    throw cause
  }
}

export function targetExists(target: string, cause?: unknown): StoreError {
  return new StoreError('FILE_EXISTS', `${target} is there already; --force overwrites it`, { cause })
}
