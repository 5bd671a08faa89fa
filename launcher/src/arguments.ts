import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { requireLoopback } from '@holdfast/shared/node/loopback'
import { StartError } from '@holdfast/shared/node/run-service'
import { readSettings } from '@holdfast/shared/settings/settings'
import { type LauncherSettings, launcherSettings } from './config.ts'

export interface StartOptions extends LauncherSettings {
  readonly dataDirectory: string
  /** null starts as many as there are data directories, or three on the first start. */
  readonly fileServerCount: number | null
}

const MAX_FILE_SERVERS = 100

export const usage = `Starts Holdfast on this machine: MongoDB, a manager and file-servers.

  npm start -- [--port 8000] [--host 127.0.0.1] [--file-servers 3] [--data ./data]

  --port          where the manager listens; 0 takes a free port
  --host          anything but loopback needs ALLOW_ANONYMOUS=true
  --file-servers  how many; never fewer than there are data directories
  --data          where everything is kept

Settings in the environment, such as MONGO_URL, are listed in docs/configuration.md.`

/** @param workingDirectory is where the command was typed. @returns null where only the usage was asked for. */
export function readStartOptions(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  workingDirectory: string,
): StartOptions | null {
  const given = parse(args)
  if (given.help === true) return null
  const overrides = {
    ...(given.port !== undefined && { PORT: given.port }),
    ...(given.host !== undefined && { HOST: given.host }),
  }
  const settings = readSettings(launcherSettings, { ...environment, ...overrides })
  if (given.data === '') throw new StartError('--data: must name a directory.')
  requireLoopback(settings.host, settings.allowAnonymous)
  return {
    ...settings,
    dataDirectory: resolve(workingDirectory, given.data ?? 'data'),
    fileServerCount: given['file-servers'] === undefined ? null : parseCount(given['file-servers']),
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        port: { type: 'string' },
        host: { type: 'string' },
        'file-servers': { type: 'string' },
        data: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values
  } catch (error) {
    throw new StartError(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`, { cause: error })
  }
}

function parseCount(value: string): number {
  const count = Number(value)
  if (/^\d+$/.test(value) && count >= 1 && count <= MAX_FILE_SERVERS) return count
  throw new StartError(`--file-servers ${value}: must be a whole number from 1 to ${MAX_FILE_SERVERS}.`)
}
