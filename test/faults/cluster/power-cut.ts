import { readdir, readFile } from 'node:fs/promises'
import { waitUntil } from '../../cluster/wait-until.ts'
import type { SmallDisk } from './small-disk.ts'

/** A process that loses its power stops at once, and nothing of its memory is left. */
export interface Powered {
  readonly pid: number
  kill(): Promise<unknown>
}

/**
 * Cuts the power of a machine: all processes stop at one instant, the disks keep only what was synced, and the
 * processes are gone. The caller starts them again.
 */
export async function cutPower(processes: readonly Powered[], disks: readonly SmallDisk[]): Promise<void> {
  for (const { pid } of processes) process.kill(pid, 'SIGSTOP')
  await waitUntil('every thread stands still', async () => {
    const states = await Promise.all(processes.map(({ pid }) => threadStates(pid)))
    return states.flat().every((state) => state === 'T') || states
  })
  await Promise.all(disks.map((disk) => disk.copy()))
  await Promise.all(processes.map((one) => one.kill()))
  for (const disk of disks) await disk.becomeCopy()
}

/** T means stopped; a thread within a system call stops at its end (proc(5)). */
async function threadStates(pid: number): Promise<string[]> {
  const threads = await readdir(`/proc/${pid}/task`)
  const lines = await Promise.all(threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/stat`, 'utf8')))
  return lines.map((line) => /\) (\S)/.exec(line)?.[1] ?? '')
}
