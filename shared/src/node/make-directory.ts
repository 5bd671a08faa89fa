import { constants } from 'node:fs'
import { mkdir, open } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

/** Makes a directory with all that is missing above it, private to the user, so that it survives a power cut. */
export async function makeDirectory(path: string): Promise<void> {
  const target = resolve(path)
  const first = await mkdir(target, { recursive: true, mode: 0o700 })
  if (first === undefined) return
  for (let made = target; made.length >= first.length; made = dirname(made)) await syncDirectory(dirname(made))
}

/** Makes durable which names a directory holds. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
