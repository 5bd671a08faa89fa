import { cp, mkdir, readFile, readlink, rm, stat, truncate, unlink, utimes, writeFile } from 'node:fs/promises'
import { dirname, relative } from 'node:path'
import type { DiskCalls } from '../../src/store/disk/disk-calls.ts'
import { realDisk } from './recording-disk.ts'

const COPY_TRIES = 20

/**
 * This is the real disk, and knows what a power cut would leave of it. A file whose data or name was not synced may be
 * empty or missing, one whose removal was not synced may be back, and any sectors that were written to the journal
 * since its last sync may be there.
 */
export class PowerCutDisk {
  readonly calls: DiskCalls
  readonly #root: string
  readonly #unsyncedData = new Set<string>()
  readonly #unsyncedNames = new Set<string>()
  readonly #unsyncedGone = new Map<string, Buffer>()
  /** It keeps the journal's files as last synced, by path. */
  readonly #journal = new Map<string, Buffer>()
  #runningCount = 0
  #gate: Promise<void> | null = null

  constructor(root: string) {
    this.#root = root
    const { calls } = this.#track()
    const gated = Object.entries(calls).map(([name, call]) => [name, this.#gated(call)])
    this.calls = Object.fromEntries(gated) as DiskCalls
  }

  /**
   * Copies to `target` what is left when the power goes. No call ends or begins until that is done.
   * @param choose gives a number below its argument. @returns the paths in the tree that came back
   */
  async cut(target: string, choose: (below: number) => number): Promise<readonly string[]> {
    let thaw = (): void => undefined
    this.#gate = new Promise((resolve) => {
      thaw = resolve
    })
    while (this.#runningCount > 0) await new Promise(setImmediate)
    await this.#copyTo(target)
    const moved = (path: string): string => `${target}/${relative(this.#root, path)}`
    for (const path of new Set([...this.#unsyncedData, ...this.#unsyncedNames])) {
      const fate = choose(3)
      if (!(await isThere(moved(path)))) continue
      if (fate === 0 && this.#unsyncedNames.has(path)) await unlink(moved(path))
      else if (fate === 1 && this.#unsyncedData.has(path)) await truncate(moved(path), 0)
    }
    const returned: string[] = []
    for (const [path, bytes] of this.#unsyncedGone) {
      if (choose(2) === 0 || (await isThere(moved(path)))) continue
      await mkdir(dirname(moved(path)), { recursive: true })
      await writeFile(moved(path), bytes)
      // The file that came back is older than what came into its slot after it.
      await utimes(moved(path), 1, 1)
      returned.push(path)
    }
    for (const [path, synced] of this.#journal)
      await writeFile(moved(path), mixed(synced, await readFile(moved(path)), choose))
    thaw()
    this.#gate = null
    return returned
  }

  #track(): { calls: DiskCalls } {
    const forget = (directory: string, names: Iterable<string>): void => {
      for (const path of names) if (dirname(path) === directory) this.#unsyncedNames.delete(path)
    }
    const calls: DiskCalls = {
      ...realDisk,
      createFile: async (path, bytes) => {
        this.#unsyncedData.add(path)
        this.#unsyncedNames.add(path)
        this.#unsyncedGone.delete(path)
        await realDisk.createFile(path, bytes)
      },
      unlink: async (path) => {
        const isInTree = path.startsWith(`${this.#root}/tree/`)
        if (isInTree) this.#unsyncedGone.set(path, await readFile(path))
        await realDisk.unlink(path)
        this.#unsyncedData.delete(path)
        this.#unsyncedNames.delete(path)
      },
      rename: async (from, to) => {
        await realDisk.rename(from, to)
        if (this.#unsyncedData.delete(from)) this.#unsyncedData.add(to)
        this.#unsyncedNames.delete(from)
      },
      syncPath: async (path) => {
        await realDisk.syncPath(path)
        this.#unsyncedData.delete(path)
      },
      syncDirectory: async (directory) => {
        const names = [...this.#unsyncedNames]
        const gone = [...this.#unsyncedGone.keys()]
        await realDisk.syncDirectory(directory)
        forget(directory, names)
        for (const path of gone) if (dirname(path) === directory) this.#unsyncedGone.delete(path)
      },
      syncFileSystem: async () => {
        const paths = [...this.#unsyncedData, ...this.#unsyncedNames, ...this.#unsyncedGone.keys()]
        await new Promise(setImmediate)
        for (const path of paths) {
          this.#unsyncedData.delete(path)
          this.#unsyncedNames.delete(path)
          this.#unsyncedGone.delete(path)
        }
      },
      syncJournal: async (fd) => {
        const path = (await readlink(`/proc/self/fd/${fd}`)).replace(/\.part$/, '')
        this.#journal.set(path, await readFile(`/proc/self/fd/${fd}`))
      },
    }
    return { calls }
  }

  #gated<Args extends unknown[], T>(call: (...args: Args) => Promise<T>): (...args: Args) => Promise<T> {
    return async (...args) => {
      await this.#gate
      this.#runningCount++
      const [outcome] = await Promise.allSettled([call(...args)])
      this.#runningCount--
      await this.#gate
      if (outcome.status === 'rejected') throw outcome.reason
      return outcome.value
    }
  }

  /**
   * Making and removing directories does not go through the seam, so it may get in the way of the copy, but is soon
   * over.
   */
  async #copyTo(target: string): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await rm(target, { recursive: true, force: true })
        await mkdir(target)
        for (const name of ['identity.json', 'journal', 'tree', 'quarantine'])
          await cp(`${this.#root}/${name}`, `${target}/${name}`, { recursive: true, preserveTimestamps: true })
        return
      } catch (error) {
        if (tries === COPY_TRIES) throw error
      }
    }
  }
}

/** Takes each sector either as it was synced or as it was written later. */
function mixed(synced: Buffer, later: Buffer, choose: (below: number) => number): Buffer {
  const bytes = Buffer.from(later)
  for (let at = 0; at < synced.length; at += 512) {
    const end = Math.min(at + 512, synced.length)
    if (synced.compare(later, at, end, at, end) !== 0 && choose(2) === 0) synced.copy(bytes, at, at, end)
  }
  return bytes
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
