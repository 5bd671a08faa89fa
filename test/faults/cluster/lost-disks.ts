import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { copiesIn } from '../../cluster/disk.ts'
import type { FaultCluster } from './fault-cluster.ts'

const run = promisify(execFile)

/**
 * Kills a file-server, removes its data directory, and starts it anew: it is another file-server from then on. @returns how
 * many copies are lost
 */
export async function loseDirectory({ cluster }: FaultCluster, index: number): Promise<number> {
  const member = memberOf(cluster.fileServers, index)
  await member.process.kill()
  const lost = await copiesIn([member.directory])
  await rm(member.directory, { recursive: true })
  await cluster.restartFileServer(index)
  return lost.length
}

/** An old copy of a data directory, as a backup is. */
export class OldCopy implements AsyncDisposable {
  readonly #faults: FaultCluster
  readonly #index: number
  readonly #home: string

  private constructor(faults: FaultCluster, index: number, home: string) {
    this.#faults = faults
    this.#index = index
    this.#home = home
  }

  /** Kills the file-server for it, because a copy of a directory that is written to would be none of any moment. */
  static async make(faults: FaultCluster, index: number): Promise<OldCopy> {
    const copy = new OldCopy(faults, index, await mkdtemp(join(tmpdir(), 'holdfast-copy-')))
    const member = memberOf(faults.cluster.fileServers, index)
    await member.process.kill()
    await run('cp', ['-a', member.directory, join(copy.#home, 'data')])
    await faults.cluster.restartFileServer(index)
    return copy
  }

  /** Kills the file-server, puts the copy in the place of its directory, and starts it again under the same identity. */
  async putBack(): Promise<void> {
    const { cluster } = this.#faults
    const member = memberOf(cluster.fileServers, this.#index)
    await member.process.kill()
    await rm(member.directory, { recursive: true })
    await run('cp', ['-a', join(this.#home, 'data'), member.directory])
    await cluster.restartFileServer(this.#index)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#home, { recursive: true, force: true })
  }
}

function memberOf<T>(members: readonly T[], index: number): T {
  const member = members[index]
  if (member === undefined) throw new Error(`no file-server ${index}`)
  return member
}
