import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, readlink, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { waitUntil } from '../../cluster/wait-until.ts'

const run = promisify(execFile)

/** The block device counts as quiet when this many reads of it in a row agree. */
const QUIET_LOOKS = 4
const COPY_TRIES = 5

export interface SmallDiskOptions {
  readonly sizeBytes: number
  /** ext4 makes as many inodes as it needs for itself on top. */
  readonly inodeCount?: number
}

/**
 * This ext4 file system lies in a file, so that a test may fill, break, copy in the middle of a write and exchange it.
 * It needs root.
 */
export class SmallDisk implements AsyncDisposable {
  /** The disk is mounted there. */
  readonly directory: string
  readonly #home: string
  readonly #image: string
  #isMounted = false

  private constructor(home: string) {
    this.#home = home
    this.#image = join(home, 'disk.img')
    this.directory = join(home, 'mount')
  }

  static async make({ sizeBytes, inodeCount }: SmallDiskOptions): Promise<SmallDisk> {
    const disk = new SmallDisk(await mkdtemp(join(tmpdir(), 'holdfast-disk-')))
    try {
      await mkdir(disk.directory)
      await run('truncate', ['-s', `${sizeBytes}`, disk.#image])
      const inodes = inodeCount === undefined ? [] : ['-N', `${inodeCount}`]
      // Tables that the kernel writes later would never let the device be quiet.
      const now = ['-E', 'lazy_itable_init=0,lazy_journal_init=0', '-m', '0']
      await run('mkfs.ext4', ['-q', '-F', ...now, ...inodes, disk.#image])
      await disk.mount()
      return disk
    } catch (error) {
      await disk[Symbol.asyncDispose]()
      throw error
    }
  }

  async mount(): Promise<void> {
    // A commit every 5 s would save what nobody synced, so it is put off.
    await run('mount', ['-o', 'loop,commit=300,errors=remount-ro', this.#image, this.directory])
    this.#isMounted = true
  }

  async unmount(): Promise<void> {
    await run('umount', [this.directory])
    this.#isMounted = false
  }

  /**
   * Makes the disk as it is after an error: whoever has files open there keeps them, and can write to none (ext4(5),
   * errors).
   */
  async goReadOnly(): Promise<void> {
    await writeFile(`/sys/fs/ext4/${await this.#device()}/trigger_fs_error`, '1')
    const isReadOnly = writeFile(join(this.directory, 'probe'), '').then(
      () => false,
      (error: NodeJS.ErrnoException) => error.code === 'EROFS',
    )
    if (!(await isReadOnly)) throw new Error('the disk can still be written to')
  }

  /** Mends the disk after an error. Nobody may use it meanwhile. */
  async repair(): Promise<void> {
    await this.unmount()
    // An exit code of 1 says that errors were corrected.
    await run('e2fsck', ['-f', '-y', this.#image]).catch((error: { code?: unknown }) => {
      if (error.code !== 1) throw error
    })
    await this.mount()
  }

  /**
   * Keeps what a power cut at this moment would leave, without what nobody synced. Whoever writes to the disk must be
   * stopped. A copy during which the device was written to is torn, shows nothing, and is made again.
   */
  async copy(): Promise<void> {
    for (let tries = 1; ; tries++) {
      const before = await this.#quiet()
      await run('cp', ['--sparse=always', this.#image, `${this.#image}.copy`])
      if ((await this.#written()) === before) return
      if (tries === COPY_TRIES) throw new Error('the disk is written to, although everybody is stopped')
    }
  }

  /** Puts the last copy in its place. Nobody may write to the disk; a manager's reads of it end soon. */
  async becomeCopy(): Promise<void> {
    await waitUntil('nobody has a file of the disk open', () =>
      this.unmount().then(
        () => true,
        (error: Error) => error.message,
      ),
    )
    await rename(`${this.#image}.copy`, this.#image)
    await this.mount()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // It is unmounted lazily, because what a test left open there must not keep it.
    if (this.#isMounted) await run('umount', ['-l', this.directory])
    await rm(this.#home, { recursive: true, force: true })
  }

  async #quiet(): Promise<string> {
    let seen = await this.#written()
    let looks = 0
    await waitUntil('nothing is written to the disk', async () => {
      const written = await this.#written()
      looks = written === seen ? looks + 1 : 0
      seen = written
      return looks >= QUIET_LOOKS
    })
    return seen
  }

  async #device(): Promise<string> {
    const { dev } = await stat(this.directory)
    return basename(await readlink(`/sys/dev/block/${dev >> 8}:${dev & 0xff}`))
  }

  /** @returns the sectors written and the requests under way (https://docs.kernel.org/block/stat.html) */
  async #written(): Promise<string> {
    const fields = (await readFile(`/sys/block/${await this.#device()}/stat`, 'utf8')).trim().split(/\s+/)
    return [fields[4], fields[6], fields[8]].join()
  }
}

/** @returns why this machine has no small disks, or null where it has */
export async function whyNoSmallDisks(): Promise<string | null> {
  try {
    await using disk = await SmallDisk.make({ sizeBytes: 4 * 1024 * 1024 })
    return basename(disk.directory) === '' ? 'no directory' : null
  } catch (error) {
    return error instanceof Error ? error.message.trim() : String(error)
  }
}
