import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { StartError } from '@holdfast/shared/node/run-service'

const FIRST_START_COUNT = 3
const HIGHEST_NUMBER = 9_999

/** @returns the numbers of the data directories that are there, in order. */
export async function listFileServerNumbers(directory: string): Promise<readonly number[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  return entries
    .filter((entry) => entry.isDirectory() && /^[1-9]\d{0,3}$/.test(entry.name))
    .map((entry) => Number(entry.name))
    .sort((one, other) => one - other)
}

/** Never plans fewer than exist: a data directory that is left out would make its files unavailable. */
export function planFileServerNumbers(existing: readonly number[], wanted: number | null): readonly number[] {
  const count = Math.max(existing.length, wanted ?? (existing.length === 0 ? FIRST_START_COUNT : 0))
  const numbers = new Set(existing)
  for (let number = 1; numbers.size < count; number++) numbers.add(number)
  return [...numbers].sort((one, other) => one - other)
}

export function fileServerDirectory(directory: string, number: number): string {
  return join(directory, String(number))
}

/** Makes a directory under the next free number. Callers at the same time each get a directory of their own. */
export async function takeNextNumber(directory: string): Promise<number> {
  const highest = (await listFileServerNumbers(directory)).at(-1) ?? 0
  for (let number = highest + 1; number <= HIGHEST_NUMBER; number++) {
    try {
      await mkdir(fileServerDirectory(directory, number), { mode: 0o700 })
      return number
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    }
  }
  throw new StartError(`${directory} has no free number.`)
}
