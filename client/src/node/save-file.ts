import { randomBytes } from 'node:crypto'
import { rmSync, type Stats } from 'node:fs'
import { type FileHandle, link, open, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { errorCodeOf } from './system-error.ts'

/**
 * Saves a whole file or nothing: the bytes go into a temporary file beside the target, which then takes its name, and
 * the mode and owner of the file that it replaces.
 * @throws FILE_EXISTS where `isForced` is false and the target exists, even if it appeared meanwhile.
 */
export async function saveFile(target: string, bytes: AsyncIterable<Uint8Array>, isForced: boolean): Promise<void> {
  const temporary = join(dirname(target), `.holdfast-${randomBytes(6).toString('hex')}.part`)
  const replaced = isForced ? await statOrNull(target) : null
  // A process that exits in the middle leaves no temporary file behind.
  const removeAtOnce = (): void => rmSync(temporary, { force: true })
  process.once('exit', removeAtOnce)
  try {
    const file = await open(temporary, 'wx', replaced === null ? 0o666 : 0o600)
    try {
      if (replaced !== null) await takeAfter(file, replaced)
      for await (const chunk of bytes) await file.writeFile(chunk)
      await file.sync()
    } finally {
      await file.close()
    }
    if (isForced) await rename(temporary, target)
    else await renameNew(temporary, target)
  } finally {
    await rm(temporary, { force: true })
    process.off('exit', removeAtOnce)
  }
}

/** Unlike a rename, a link never replaces what has the name. */
async function renameNew(temporary: string, target: string): Promise<void> {
  try {
    await link(temporary, target)
  } catch (error) {
    if (isUnsupported(error)) return renameUnlinked(temporary, target)
    throw errorCodeOf(error) === 'EEXIST' ? targetExists(target, error) : error
  }
}

/**
 * Some file systems have no hard links (exFAT, FAT, some SMB and FUSE). There an empty file takes the name, and is then
 * replaced.
 */
async function renameUnlinked(temporary: string, target: string): Promise<void> {
  const placeholder = await open(target, 'wx').catch((error: unknown) => {
    throw errorCodeOf(error) === 'EEXIST' ? targetExists(target, error) : error
  })
  await placeholder.close()
  try {
    await rename(temporary, target)
  } catch (error) {
    await rm(target, { force: true })
    throw error
  }
}

async function takeAfter(file: FileHandle, { uid, gid, mode }: Stats): Promise<void> {
  // Only root can give a file to another owner, and some file systems have no modes.
  await file.chown(uid, gid).catch(unlessUnsupported)
  await file.chmod(mode & 0o7777).catch(unlessUnsupported)
}

function unlessUnsupported(error: unknown): void {
  if (!isUnsupported(error)) throw error
}

/** File systems without hard links, owners or modes answer with one of these codes. */
function isUnsupported(error: unknown): boolean {
  return ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(errorCodeOf(error) ?? '')
}

async function statOrNull(path: string): Promise<Stats | null> {
  try {
    return await stat(path)
  } catch (error) {
    if (errorCodeOf(error) === 'ENOENT') return null
    throw error
  }
}

export function targetExists(target: string, cause?: unknown): StoreError {
  return new StoreError('FILE_EXISTS', `${target} is there already; --force overwrites it`, { cause })
}
