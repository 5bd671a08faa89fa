import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { waitUntil } from '../../cluster/wait-until.ts'
import type { FaultCluster } from './fault-cluster.ts'
import type { UpkeepWork } from './upkeep-work.ts'

export type Role = 'manager' | 'file-server'

export interface PointStrike {
  readonly role: Role
  readonly names: readonly string[]
  readonly action: 'kill' | 'throw' | 'sleep'
  readonly nth: number
}

/** If the load has not led to a point by then, nothing does. */
const REACHED_DEADLINE_MS = 60_000
const WORK_EVERY_MS = 2_000

/**
 * Starts one process of the role anew, as after a crash, with its failpoints set, and waits until every one of them was
 * reached. Then it starts the process once more without them.
 * @throws Error where a point is not reached
 */
export async function strikeAtPoint(
  cluster: FaultCluster,
  work: UpkeepWork,
  index: number,
  { role, names, action, nth }: PointStrike,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-test-hits-'))
  const hitsFile = join(directory, 'hits')
  const setting = names.map((name) => `${name}:${action}:${nth}`).join(',')
  let madeAt = Number.NEGATIVE_INFINITY
  try {
    await restart(cluster, role, index, { FP: setting, FP_HITS: hitsFile }).catch((error: unknown) => {
      // The load may lead to the point before the process has said that it is there.
      if (action !== 'kill' || memberOf(cluster, role, index).process.isRunning) throw error
    })
    const struck = memberOf(cluster, role, index).process
    // The process should end, and until then nobody has to know.
    void struck.exited
    const areReached = async (): Promise<true | string[]> => {
      if (performance.now() - madeAt > WORK_EVERY_MS) {
        madeAt = performance.now()
        await work.make()
      }
      const hits = (await readFile(hitsFile, 'utf8').catch(() => '')).split('\n')
      const missing = names.filter((name) => !hits.includes(name))
      return missing.length > 0 ? missing : action !== 'kill' || !struck.isRunning || ['runs still']
    }
    await waitUntil(`${role} reaches ${names.join(', ')} (${action}, ${nth})`, areReached, REACHED_DEADLINE_MS)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
  await restart(cluster, role, index, {})
}

function memberOf({ cluster }: FaultCluster, role: Role, index: number) {
  const member = role === 'manager' ? cluster.managers[index] : cluster.fileServers[index]
  if (member === undefined) throw new Error(`no ${role} ${index}`)
  return member
}

async function restart(
  fault: FaultCluster,
  role: Role,
  index: number,
  environment: Record<string, string>,
): Promise<void> {
  const { process } = memberOf(fault, role, index)
  if (process.isRunning) await process.kill()
  if (role === 'file-server') return fault.cluster.restartFileServer(index, environment)
  await fault.endDeadLease()
  await fault.cluster.restartManager(index, environment)
}
