import { randomBytes } from 'node:crypto'
import { open, readdir, readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { type ClusterId, isClusterId, isServerId, type ServerId, SLOT_RADIX } from '@holdfast/shared/ids'
import { isLockName } from '@holdfast/shared/node/directory-lock'
import { makeDirectory, syncDirectory } from '@holdfast/shared/node/make-directory'
import { StartError } from '@holdfast/shared/node/run-service'
import { parseJson } from '@holdfast/shared/parse-json'
import { z } from 'zod'
import type { DiskCalls } from './disk/disk-calls.ts'
import { isErrno } from './disk/disk-health.ts'

const FILE = 'identity.json'
/** It covers the paths and the names in them, the journal's files included. What is in those has a format of its own. */
const FORMAT = 2

const schema = z.object({
  format: z.number(),
  radix: z.number(),
  serverId: z.custom<ServerId>(isServerId),
  clusterId: z.custom<ClusterId>(isClusterId).nullable(),
})

type IdentityFile = z.infer<typeof schema>

/** Makes the data directory where it is missing. @throws StartError where it is something else's. */
export async function prepareDirectory(directory: string): Promise<void> {
  await makeDirectory(directory)
  const names = await readdir(directory)
  if (names.includes(FILE)) return
  if (names.includes('tree') || names.includes('quarantine'))
    throw new StartError(`${directory} holds copies but no ${FILE}: put the file back, or use an empty directory`)
  // `lost+found` is what an empty volume of its own has.
  const others = names.filter((name) => !isLockName(name) && name !== `${FILE}.part` && name !== 'lost+found')
  if (others.length > 0) throw new StartError(`${directory} is not empty and not a Holdfast data directory`)
}

/** Knows who this data directory is, and which cluster it belongs to: `identity.json`. */
export class Identity {
  readonly #directory: string
  readonly #disk: DiskCalls
  #file: IdentityFile
  #joining: Promise<void> = Promise.resolve()

  private constructor(directory: string, disk: DiskCalls, file: IdentityFile) {
    this.#directory = directory
    this.#disk = disk
    this.#file = file
  }

  /** Opens the identity of a locked directory that `prepareDirectory` has looked at. */
  static async open(directory: string, disk: DiskCalls): Promise<Identity> {
    const found = await read(directory)
    if (found !== null) return new Identity(directory, disk, found)
    await syncParent(directory)
    const serverId = randomBytes(8).toString('hex') as ServerId
    const made: IdentityFile = { format: FORMAT, radix: SLOT_RADIX, serverId, clusterId: null }
    await write(directory, disk, made)
    return new Identity(directory, disk, made)
  }

  get serverId(): ServerId {
    return this.#file.serverId
  }

  get clusterId(): ClusterId | null {
    return this.#file.clusterId
  }

  /** @throws WRONG_CLUSTER */
  join(clusterId: ClusterId): Promise<void> {
    const joining = Promise.allSettled([this.#joining]).then(async () => {
      if (this.#file.clusterId === clusterId) return
      if (this.#file.clusterId !== null) throw new StoreError('WRONG_CLUSTER')
      const joined = { ...this.#file, clusterId }
      await write(this.#directory, this.#disk, joined)
      this.#file = joined
    })
    this.#joining = joining
    return joining
  }
}

async function read(directory: string): Promise<IdentityFile | null> {
  const path = join(directory, FILE)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null
    throw error
  }
  const parsed = schema.safeParse(parseJson(text))
  if (!parsed.success) throw new StartError(`${path} is damaged: restore it from a backup`)
  const { format, radix } = parsed.data
  if (format !== FORMAT) throw new StartError(whyUnread(directory, `format ${format}`, `format ${FORMAT}`))
  if (radix !== SLOT_RADIX) throw new StartError(whyUnread(directory, `radix ${radix}`, `radix ${SLOT_RADIX}`))
  return parsed.data
}

function whyUnread(directory: string, found: string, readable: string): string {
  return `${directory} is a data directory of ${found}, and this version of Holdfast reads ${readable}: start the version that made it, or use an empty directory`
}

/** A start that was cut off may have made the directory. Who may not read the parent has not made it. */
async function syncParent(directory: string): Promise<void> {
  try {
    await syncDirectory(dirname(resolve(directory)))
  } catch (error) {
    if (!isErrno(error, 'EACCES', 'EPERM', 'ELOOP')) throw error
  }
}

async function write(directory: string, disk: DiskCalls, identity: IdentityFile): Promise<void> {
  const unfinished = join(directory, `${FILE}.part`)
  const file = await open(unfinished, 'w', 0o600)
  try {
    await file.writeFile(`${JSON.stringify(identity, null, 2)}\n`)
    await disk.syncFile(file)
  } finally {
    await file.close()
  }
  await disk.rename(unfinished, join(directory, FILE))
  await disk.syncDirectory(directory)
}
