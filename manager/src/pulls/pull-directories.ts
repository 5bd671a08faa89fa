import { lstat, readdir, rename, rm, statfs, utimes, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { type DirectoryLock, lockDirectory } from '@holdfast/shared/node/directory-lock'
import { makeDirectory } from '@holdfast/shared/node/make-directory'
import { pullFiles } from '@holdfast/shared/node/torrent/pull-messages'

/** So much of the disk is left to others. */
const KEPT_FREE_BYTES = 1024 ** 3
/** What a failed attempt has loaded is kept so long for the next one. */
const KEPT_MS = 86_400_000
/** The blocks of a disk are counted in these. */
const BLOCK_BYTES = 512
const OWN_NAME = /^[a-z-]+-[0-9a-f]{24}$/

/** @returns a directory of the cluster's own, where a setting names none */
export function defaultPullDirectory(clusterId: string): string {
  return join(tmpdir(), `holdfast-torrents-${clusterId}`)
}

/** Torrents are loaded into directories of their own in one root, which one process at a time has. */
export class PullDirectories {
  readonly #root: string
  readonly #used = new Set<string>()
  /** Counts the bytes that are still to come into each directory. */
  readonly #promised = new Map<string, number>()
  #lock: DirectoryLock | null = null

  constructor(root: string) {
    this.#root = root
  }

  /** Makes the root and takes it. @throws DirectoryInUseError where another process has it, StartError where it cannot be had */
  async open(): Promise<void> {
    if (this.#lock !== null) return
    await makeDirectory(this.#root)
    const found = await lstat(this.#root)
    // Whoever else may write there could exchange what is verified for something else.
    if (found.uid !== userInfo().uid || (found.mode & 0o022) !== 0)
      throw new Error(`TORRENT_DIR=${this.#root} belongs to another user, or others may write in it`)
    this.#lock = await lockDirectory(this.#root)
  }

  async close(): Promise<void> {
    await this.#lock?.release()
  }

  pathOf(id: string, ...names: readonly string[]): string {
    return join(this.#root, id, ...names)
  }

  /** Takes the directory of a pull, until it is let go of. @throws where it was not yet */
  async use(id: string, torrent: Buffer | null): Promise<void> {
    if (this.#used.has(id)) throw new Error('an attempt before has not ended yet')
    this.#used.add(id)
    try {
      await this.#prepare(id, torrent)
    } catch (error) {
      this.#used.delete(id)
      throw error
    }
  }

  async #prepare(id: string, torrent: Buffer | null): Promise<void> {
    await makeDirectory(this.pathOf(id), this.#root)
    if (torrent === null) return
    const path = this.pathOf(id, pullFiles.torrent)
    await writeFile(`${path}.new`, torrent)
    await rename(`${path}.new`, path)
  }

  async letGo(id: string): Promise<void> {
    this.#used.delete(id)
    this.#promised.delete(id)
    const now = new Date()
    await utimes(this.pathOf(id), now, now).catch(() => undefined)
  }

  async isWhole(id: string): Promise<boolean> {
    return lstat(this.pathOf(id, pullFiles.whole)).then(
      (found) => found.isDirectory(),
      () => false,
    )
  }

  /** @throws where the disk has less room than what is still to come of this torrent and of others */
  async requireRoom(id: string, totalBytes: number): Promise<void> {
    const toCome = Math.max(0, totalBytes - (await this.#usedBytes(id)))
    const { bavail, bsize } = await statfs(this.#root)
    let others = 0
    for (const [other, bytes] of this.#promised)
      if (other !== id && !(await this.isWhole(other))) others += Math.max(0, bytes - (await this.#usedBytes(other)))
    const free = Math.max(0, bavail * bsize - KEPT_FREE_BYTES - others)
    if (toCome > free)
      throw new Error(`${toCome} more bytes are needed in TORRENT_DIR, whose disk has room for ${free} of them`)
    this.#promised.set(id, totalBytes)
  }

  async remove(id: string): Promise<void> {
    await rm(this.pathOf(id), { recursive: true, force: true })
  }

  /** What another process has is left to that. */
  async removeUnused(id: string): Promise<void> {
    if (this.#lock !== null && !this.#used.has(id)) await this.remove(id)
  }

  /** Removes what nobody needs any more, and what was not touched for a day. */
  async sweep(isNeeded: (id: string) => Promise<boolean>): Promise<void> {
    for (const id of await readdir(this.#root)) {
      if (!OWN_NAME.test(id) || this.#used.has(id)) continue
      // A pull may end meanwhile, and takes its directory with it.
      const found = await lstat(this.pathOf(id)).catch(() => null)
      if (found === null) continue
      const isKept = Date.now() - found.mtimeMs < KEPT_MS && (await isNeeded(id))
      if (!isKept) await this.removeUnused(id)
    }
  }

  /** Counts what is on the disk, for the files have their whole sizes from the beginning. */
  async #usedBytes(id: string): Promise<number> {
    const part = this.pathOf(id, pullFiles.part)
    let bytes = 0
    for (const name of await readdir(part).catch(() => []))
      bytes += BLOCK_BYTES * (await lstat(join(part, name))).blocks
    return bytes
  }
}
