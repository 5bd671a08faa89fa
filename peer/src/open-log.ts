import { renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from '@holdfast/shared/node/logger'
import { pino } from 'pino'
import { PeerError } from './peer-error.ts'

/** A longer log makes place, and the one before it is kept. */
const MAX_BYTES = 16 * 1024 ** 2

/** Opens the log, JSON lines in a file of the state directory, because the terminal belongs to the user. */
export async function openLog(directory: string, maxBytes = MAX_BYTES): Promise<Logger> {
  const level = process.env.LOG_LEVEL?.trim() || 'info'
  const levels = [...Object.keys(pino.levels.values), 'silent']
  if (!levels.includes(level)) throw new PeerError(`LOG_LEVEL is ${level}, and has to be one of ${levels.join(', ')}`)
  const path = join(directory, 'peer.log')
  const destination = pino.destination({ dest: path, sync: true, mode: 0o600 })
  // A log that cannot be written is no reason to end what it tells of.
  destination.on('error', () => undefined)
  let size = statSync(path, { throwIfNoEntry: false })?.size ?? 0
  const write = (line: string): void => {
    size += Buffer.byteLength(line)
    if (size > maxBytes) {
      rotate(path, () => destination.reopen())
      size = Buffer.byteLength(line)
    }
    destination.write(line)
  }
  return pino(
    {
      level,
      base: { process: 'peer' },
      messageKey: 'message',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write },
  )
}

function rotate(path: string, reopen: () => void): void {
  try {
    renameSync(path, `${path}.1`)
    reopen()
  } catch {
    // What goes on in the long one loses nothing, and is tried again after as much.
  }
}
