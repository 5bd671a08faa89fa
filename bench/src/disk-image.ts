import { execFile, execFileSync } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

const IMAGE_SIZE = '40G'

/**
 * A disk of the run's own: ext4 as `mkfs.ext4` makes it, in a file. So every run begins with the same disk, whatever the
 * machine's own is (some have no journal, and what was deleted lately slows down what is created). All its room is taken
 * before, and nothing is kept in memory twice: else every sync of a file in it waits for a sync of the disk's file as well,
 * which favours whoever shares syncs. Needs root.
 */
export class DiskImage implements Disposable {
  /** Where it is mounted. */
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
      // Else the kernel writes the tables in the middle of the measurement.
      await run('mkfs.ext4', ['-q', '-F', '-E', 'lazy_itable_init=0,lazy_journal_init=0', image])
      const device = (await run('losetup', ['--find', '--show', '--direct-io=on', image])).stdout.trim()
      try {
        await run('mount', [device, disk.directory])
      } finally {
        // It goes with the mount: a device in use is given back when it no longer is.
        await run('losetup', ['--detach', device])
      }
      return disk
    } catch (error) {
      throw new Error(`--image needs root, ${IMAGE_SIZE} of room, mkfs.ext4 and a loop device`, { cause: error })
    }
  }

  /** May be called again: by a signal in the middle, too, which leaves no time to wait. */
  [Symbol.dispose](): void {
    if (!this.#isMounted) return
    this.#isMounted = false
    execFileSync('umount', ['-l', this.directory])
  }
}
