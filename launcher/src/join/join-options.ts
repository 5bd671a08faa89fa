import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { StartError } from '@holdfast/shared/node/run-service'

export interface JoinOptions {
  readonly managers: string | null
  readonly clusterSecret: string | null
  readonly dataDirectory: string | null
  readonly dataRoot: string | null
  readonly name: string | null
  /** A running `npm start` has this data directory. */
  readonly joinDirectory: string
  readonly workingDirectory: string
}

export const joinUsage = `Adds a file-server to a running Holdfast.

  npm run file-server -- [--join ./data] [--data DIR] [--managers URL,...] [--name NAME]

  --join      the data directory of a running "npm start": address and secret are read there
  --data      where this file-server keeps its files; a new directory unless given
  --managers  addresses of managers; needs CLUSTER_SECRET in the environment
  --name      what people call this file-server in lists

Settings in the environment are listed in docs/configuration.md.`

/** @param workingDirectory is where the command was typed. @returns null where only the usage was asked for. */
export function readJoinOptions(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  workingDirectory: string,
): JoinOptions | null {
  const given = parse(args)
  if (given.help === true) return null
  const dataDirectory = given.data ?? textOf(environment.DATA_DIR)
  const dataRoot = textOf(environment.DATA_ROOT)
  return {
    managers: given.managers ?? textOf(environment.MANAGERS),
    clusterSecret: textOf(environment.CLUSTER_SECRET),
    dataDirectory: dataDirectory === null ? null : resolve(workingDirectory, dataDirectory),
    dataRoot: dataRoot === null || dataDirectory !== null ? null : resolve(workingDirectory, dataRoot),
    name: given.name ?? textOf(environment.NAME),
    joinDirectory: resolve(workingDirectory, given.join ?? 'data'),
    workingDirectory,
  }
}

function textOf(value: string | undefined): string | null {
  return value === undefined || value.trim() === '' ? null : value.trim()
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        join: { type: 'string' },
        data: { type: 'string' },
        managers: { type: 'string' },
        name: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values
  } catch (error) {
    throw new StartError(`${error instanceof Error ? error.message : String(error)}\n\n${joinUsage}`, { cause: error })
  }
}
