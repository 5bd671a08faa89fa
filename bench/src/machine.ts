import { execFile } from 'node:child_process'
import { readdir, readlink, stat, statfs } from 'node:fs/promises'
import { cpus, platform, release, totalmem } from 'node:os'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Machine } from './result.ts'

/** Names file systems by the magic numbers of statfs(2). */
const fileSystems: Readonly<Record<number, string>> = {
  61267: 'ext4',
  16914836: 'tmpfs',
  1481003842: 'xfs',
  2435016766: 'btrfs',
  2035054128: 'overlay',
  801189825: 'zfs',
}

export async function fileSystemOf(directory: string): Promise<string> {
  const { type } = await statfs(directory)
  return fileSystems[type] ?? `0x${type.toString(16)}`
}

export async function describeMachine(directory: string, hasImage: boolean): Promise<Machine> {
  const name = await fileSystemOf(directory)
  const journal = name === 'ext4' ? await hasJournal(directory).then(sayJournal, () => '') : ''
  return {
    processor: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
    system: `${platform()} ${release()}`,
    node: process.version,
    fileSystem: name,
    disk: `${name}${journal}${hasImage ? ', in a file made for the run' : ''}`,
  }
}

/**
 * For up to six minutes after thousands of deletes, an ext4 without a journal makes new files at a tenth of its rate: it passes
 * over every inode that was deleted lately (`recently_deleted` in the kernel's fs/ext4/ialloc.c). A disk that does not tell
 * whether it has a journal counts as one without.
 */
export async function isSlowAfterDeletes(directory: string): Promise<boolean> {
  if ((await fileSystemOf(directory)) !== 'ext4') return false
  return hasJournal(directory).then(
    (isThere) => !isThere,
    () => true,
  )
}

function sayJournal(isThere: boolean): string {
  return isThere ? ' with a journal' : ' without a journal'
}

/** An ext4 without a journal takes a fraction of the usual time for an fsync. */
async function hasJournal(directory: string): Promise<boolean> {
  const { dev } = await stat(directory)
  const device = basename(await readlink(`/sys/dev/block/${dev >> 8}:${dev & 0xff}`))
  return (await readdir('/proc/fs/jbd2')).some((journal) => journal.startsWith(`${device}-`))
}

/**
 * @param cwd a checkout; this one unless given
 * @returns its commit, and whether files differ from it
 */
export async function readCommit(cwd = fileURLToPath(new URL('../..', import.meta.url))): Promise<string> {
  const git = async (...args: string[]) => (await promisify(execFile)('git', args, { cwd })).stdout.trim()
  try {
    const commit = await git('rev-parse', '--short=10', 'HEAD')
    return (await git('status', '--porcelain')) === '' ? commit : `${commit} with changes`
  } catch (error) {
    return `unknown (${error instanceof Error ? (error.message.split('\n')[0] ?? '') : error})`
  }
}
