import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { secret } from '@holdfast/shared/settings/parsers'
import { errorCodeOf, PathError } from '../node/system-error.ts'

/** `npm start` keeps the secret of its cluster there, seen from where it was typed. */
export const DEFAULT_SECRET_FILE = join('data', 'cluster-secret')

/**
 * @param file is the one that the user names, if any: it counts more than CLUSTER_SECRET.
 * @throws INVALID_REQUEST where there is none, or it is none; PathError where it cannot be read
 */
export async function readSecret(file: string | null): Promise<string> {
  const given = await readGivenSecret(file)
  if (given !== null) return given
  const text = await readFile(DEFAULT_SECRET_FILE, 'utf8').catch((error: unknown) => {
    if (errorCodeOf(error) === 'ENOENT')
      throw new StoreError(
        'INVALID_REQUEST',
        `the cluster's secret is not here: set CLUSTER_SECRET, or name the file with --secret-file (npm start keeps it as ${DEFAULT_SECRET_FILE})`,
      )
    throw new PathError(DEFAULT_SECRET_FILE, error)
  })
  return checked(text, DEFAULT_SECRET_FILE)
}

/** Reads only what the user has named. @returns null where that is nothing. @throws as `readSecret` */
export async function readGivenSecret(file: string | null): Promise<string | null> {
  if (file !== null) {
    const text = await readFile(file, 'utf8').catch((error: unknown) => {
      throw new PathError(file, error)
    })
    return checked(text, file)
  }
  const given = process.env.CLUSTER_SECRET ?? ''
  return given.trim() === '' ? null : checked(given, 'CLUSTER_SECRET')
}

function checked(text: string, where: string): string {
  try {
    return secret(text.trim())
  } catch (error) {
    throw new StoreError('INVALID_REQUEST', `${where}: ${error instanceof Error ? error.message : String(error)}`)
  }
}
