import { rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from '@holdfast/shared/node/logger'
import { pino } from 'pino'

const MAX_BYTES = 16 * 1024 ** 2

/**
 * Opens the log, JSON lines in a file of the state directory, because the terminal belongs to the user. A long one makes
 * place at a start, and the one before it is kept.
 */
export async function openLog(directory: string): Promise<Logger> {
  const path = join(directory, 'peer.log')
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  )
  if (size > MAX_BYTES) await rename(path, `${path}.1`)
  const destination = pino.destination({ dest: path, sync: true, mode: 0o600 })
  destination.on('error', () => undefined)
  return pino(
    {
      level: process.env.LOG_LEVEL?.trim() || 'info',
      base: { process: 'peer' },
      messageKey: 'message',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  )
}
