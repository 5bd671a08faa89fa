import { readFile } from 'node:fs/promises'
import { parseJson } from '@holdfast/shared/parse-json'
import type { RunFile } from '@holdfast/shared/run-file'
import { writeFileAtomically } from '../files/write-file-atomically.ts'

export async function writeRunFile(file: string, run: RunFile): Promise<void> {
  await writeFileAtomically(file, `${JSON.stringify(run, null, 2)}\n`, 0o600)
}

/** @returns null where there is no run file, or none that can be understood. */
export async function readRunFile(file: string): Promise<RunFile | null> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null
    throw error
  })
  return text === null ? null : parseRunFile(text)
}

export function parseRunFile(text: string): RunFile | null {
  const found: Record<string, unknown> = Object(parseJson(text))
  const { pid, managerUrl, clusterSecret, fileServersDirectory, mongoUrl } = found
  if (typeof pid !== 'number' || typeof managerUrl !== 'string' || typeof clusterSecret !== 'string') return null
  if (typeof fileServersDirectory !== 'string' || typeof mongoUrl !== 'string') return null
  return { pid, managerUrl, clusterSecret, fileServersDirectory, mongoUrl }
}

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
