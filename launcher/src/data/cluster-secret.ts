import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { StartError } from '@holdfast/shared/node/run-service'
import { writeFileAtomically } from '../files/write-file-atomically.ts'

/**
 * Reads the secret of this data directory's cluster, or makes it on the first start. The caller holds the directory's
 * lock, so that two starts cannot make two secrets.
 */
export async function ensureClusterSecret(file: string): Promise<string> {
  const kept = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (kept === null) {
    const made = randomBytes(32).toString('hex')
    await writeFileAtomically(file, `${made}\n`, 0o600)
    return made
  }
  const secret = kept.trim()
  if (secret.length < 16)
    throw new StartError(`${file} is damaged: it must hold the cluster's secret, at least 16 characters.`)
  return secret
}
