import { readdir, readFile, writeFile } from 'node:fs/promises'

/** Tells what the processes of one role used over a slice. */
export interface RoleUsage {
  readonly role: string
  readonly processCount: number
  readonly cpuUs: number
  /** It is the sum of the processes' own peaks. */
  readonly peakRssBytes: number
}

export interface WatchedProcess {
  readonly role: string
  readonly pid: number
}

/** The kernel reports CPU times in hundredths of a second to user space, whatever its own tick (man 5 proc). */
const TICK_US = 10_000

export interface UsageWatch {
  /** @returns what was used since the watch began */
  end(): Promise<RoleUsage[]>
}

/** Costs count where rates of a busy machine say little. Elsewhere than on Linux nothing can be read, and there are no rows. */
export async function watchUsage(processes: readonly WatchedProcess[]): Promise<UsageWatch> {
  const before = new Map<number, number>()
  for (const { pid } of processes) {
    // The 5 resets the peak (man 5 proc, clear_refs); a machine that forbids it shows peaks since the start.
    await writeFile(`/proc/${pid}/clear_refs`, '5').catch(ignoreForbidden)
    const cpuUs = await readCpuUs(pid)
    if (cpuUs !== null) before.set(pid, cpuUs)
  }
  return {
    async end() {
      const rows = new Map<string, RoleUsage>()
      for (const { role, pid } of processes) {
        const [cpuUs, peakRssBytes] = [await readCpuUs(pid), await readPeakRss(pid)]
        if (cpuUs === null || peakRssBytes === null) continue
        const row = rows.get(role) ?? { role, processCount: 0, cpuUs: 0, peakRssBytes: 0 }
        rows.set(role, {
          role,
          processCount: row.processCount + 1,
          cpuUs: row.cpuUs + cpuUs - (before.get(pid) ?? cpuUs),
          peakRssBytes: row.peakRssBytes + peakRssBytes,
        })
      }
      return [...rows.values()]
    },
  }
}

/** @returns a process and all below it, with roles by what they call themselves */
export async function findDescendants(root: number): Promise<WatchedProcess[]> {
  const stats = await Promise.all((await listPids()).map(async (pid) => ({ pid, parent: await readParent(pid) })))
  const found = new Set([root])
  for (let before = 0; before !== found.size; ) {
    before = found.size
    for (const { pid, parent } of stats) if (parent !== null && found.has(parent)) found.add(pid)
  }
  return Promise.all([...found].map(async (pid) => ({ pid, role: roleOf((await read(`/proc/${pid}/cmdline`)) ?? '') })))
}

/** @param commandLine a title, or the arguments with NULs between them */
export function roleOf(commandLine: string): string {
  const title = commandLine.replaceAll('\0', ' ').trim()
  for (const role of ['manager', 'file-server']) if (title.startsWith(`holdfast ${role}`)) return role
  if (/^\S*mongod\b/.test(title)) return 'mongod'
  return title.startsWith('holdfast') ? 'launcher' : 'other'
}

/** @returns user and system time from the text of /proc/PID/stat, where a name may hold spaces and brackets */
export function parseCpuUs(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_US
}

async function readCpuUs(pid: number): Promise<number | null> {
  const stat = await read(`/proc/${pid}/stat`)
  return stat === null ? null : parseCpuUs(stat)
}

async function readPeakRss(pid: number): Promise<number | null> {
  const match = /^VmHWM:\s+(\d+) kB/m.exec((await read(`/proc/${pid}/status`)) ?? '')
  return match === null ? null : Number(match[1]) * 1024
}

async function readParent(pid: number): Promise<number | null> {
  const stat = await read(`/proc/${pid}/stat`)
  return stat === null ? null : Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
}

async function listPids(): Promise<number[]> {
  const names = process.platform === 'linux' ? await readdir('/proc') : []
  return names.filter((name) => /^\d+$/.test(name)).map(Number)
}

/** @returns null where the process is gone */
async function read(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return null
    throw error
  }
}

function ignoreForbidden(error: NodeJS.ErrnoException): void {
  if (!['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(error.code ?? '')) throw error
}
