import { execFile, execFileSync } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

const IMAGE_SIZE = '40G'

/**
 * A disk of the run's own is an ext4 as `mkfs.ext4` makes it, in a file, so that every run begins with the same disk, whatever
 * the machine's own is (some have no journal, and what was deleted lately slows down what is created). The file has all its
 * room from the beginning and bypasses the page cache: otherwise every sync on the disk would wait for a sync of the file as
 * well, which favours whoever shares syncs. Mounting it needs root.
 */
export class DiskImage implements Disposable {
  /** The disk is mounted on this directory. */
  readonly directory: string
  #isMounted = true

  private constructor(directory: string) {
    this.directory = directory
  }

  /** @param home an empty directory, removed by the caller after the disk. */
  static async mount(home: string): Promise<DiskImage> {
    const disk = new DiskImage(join(home, 'disk'))
    const image = join(home, 'disk.img')
    try {
      await mkdir(disk.directory)
      await run('fallocate', ['--length', IMAGE_SIZE, image])
      // The kernel would otherwise write the tables in the middle of the measurement.
      await run('mkfs.ext4', ['-q', '-F', '-E', 'lazy_itable_init=0,lazy_journal_init=0', image])
      const device = (await run('losetup', ['--find', '--show', '--direct-io=on', image])).stdout.trim()
      try {
        await run('mount', [device, disk.directory])
      } finally {
        // The kernel gives the device back when nothing is mounted from it.
        await run('losetup', ['--detach', device])
      }
      return disk
    } catch (error) {
      throw new Error(`--image needs root, ${IMAGE_SIZE} of room, mkfs.ext4 and a loop device`, { cause: error })
    }
  }

  /** A signal may call this in the middle of anything and leaves no time to wait, so it may be called twice and is synchronous. */
  [Symbol.dispose](): void {
    if (!this.#isMounted) return
    this.#isMounted = false
    execFileSync('umount', ['-l', this.directory])
  }
}
