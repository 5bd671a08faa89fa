import { readdir, readFile } from 'node:fs/promises'

/** @returns how many file descriptors a process has open */
export async function openFiles(pid: number): Promise<number> {
  return (await readdir(`/proc/${pid}/fd`)).length
}

/** @returns how many bytes of memory a process holds */
export async function residentBytes(pid: number): Promise<number> {
  return statusBytes(pid, 'VmRSS')
}

/** @returns the most memory that a process has held since its start, in bytes */
export async function peakBytes(pid: number): Promise<number> {
  return statusBytes(pid, 'VmHWM')
}

async function statusBytes(pid: number, field: string): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024
}
