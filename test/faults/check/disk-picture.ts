import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { basename, join, relative } from 'node:path'
import { walk } from '../../cluster/disk.ts'

/** The file lies below a data directory's tree or quarantine. */
export interface FoundFile {
  readonly server: string
  /** The path is relative to the data directory, such as `tree/0/0/0/1/0/1-…`. */
  readonly path: string
  readonly absolutePath: string
}

export interface DiskPicture {
  /** The directory of each file-server. */
  readonly servers: ReadonlyMap<string, string>
  readonly files: readonly FoundFile[]
  /** Each sentence names something wrong with the directories themselves. */
  readonly problems: readonly string[]
}

const RADIX = 36

/** These may lie in a data directory beside the copies. */
const expected = /^(tree|quarantine|journal|identity\.json|lock(-[0-9a-f]{16})?|lost\+found)$/

/** Walks the data directories as an auditor would. @param parent, where it is given, holds them and nothing else. */
export async function lookAtDisks(directories: readonly string[], parent?: string): Promise<DiskPicture> {
  const files: FoundFile[] = []
  const problems: string[] = []
  const servers = new Map<string, string>()
  for (const directory of directories) {
    const server = await readServerId(directory)
    servers.set(server, directory)
    for (const name of await readdir(directory))
      if (!expected.test(name)) problems.push(`${join(directory, name)} is not of a file-server's making`)
    for (const root of ['tree', 'quarantine']) {
      const found = await walk(join(directory, root))
      if (found.largestDirectory > RADIX)
        problems.push(`${join(directory, root)} has a directory with ${found.largestDirectory} entries`)
      for (const absolutePath of found.files)
        files.push({ server, path: relative(directory, absolutePath), absolutePath })
    }
  }
  if (parent !== undefined) {
    const known = directories.map((directory) => basename(directory))
    for (const name of await readdir(parent))
      if (!known.includes(name)) problems.push(`${join(parent, name)} lies outside of every data directory`)
  }
  return { servers, files, problems }
}

/** @returns null where the file has gone. */
export async function digestOf(path: string): Promise<{ readonly sha256: string; readonly sizeBytes: number } | null> {
  const hash = createHash('sha256')
  let sizeBytes = 0
  try {
    for await (const bytes of createReadStream(path) as AsyncIterable<Buffer>) {
      hash.update(bytes)
      sizeBytes += bytes.length
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
  return { sha256: hash.digest('hex'), sizeBytes }
}

async function readServerId(directory: string): Promise<string> {
  const identity = JSON.parse(await readFile(join(directory, 'identity.json'), 'utf8')) as { serverId: string }
  return identity.serverId
}
