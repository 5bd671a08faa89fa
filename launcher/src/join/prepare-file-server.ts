import { resolve } from 'node:path'
import { StartError } from '@holdfast/shared/node/run-service'
import { explainInside, isErrno } from '@holdfast/shared/node/system-error'
import type { RunFile } from '@holdfast/shared/run-file'
import { layoutOf } from '../data/data-layout.ts'
import { fileServerDirectory, takeNextNumber } from '../data/file-server-directories.ts'
import { isAlive, readRunFile } from '../data/run-file.ts'
import { type JoinOptions, joinUsage, readJoinOptions } from './join-options.ts'

export type FileServerPlan =
  | { readonly kind: 'run'; readonly env: NodeJS.ProcessEnv }
  | { readonly kind: 'end'; readonly exitCode: number }

/**
 * Says on the console what it finds, and never throws what a person can put right.
 * @public scripts/run.mjs calls it, perhaps before anything is built
 */
export async function prepareFileServer(
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
): Promise<FileServerPlan> {
  try {
    const options = readJoinOptions(args, environment, environment.INIT_CWD ?? process.cwd())
    if (options === null) {
      console.log(joinUsage)
      return { kind: 'end', exitCode: 0 }
    }
    const env = await joinEnvironment(options).catch((error: unknown) => {
      throw explainJoin(options, error)
    })
    console.error(
      `holdfast: file-server ${env.NAME || 'without a name'} joins ${env.MANAGERS}, its files are in ${env.DATA_DIR || env.DATA_ROOT}`,
    )
    return { kind: 'run', env: { UV_THREADPOOL_SIZE: '16', ...environment, ...env } }
  } catch (error) {
    if (!(error instanceof StartError)) throw error
    console.error(`holdfast: ${error.message}`)
    return { kind: 'end', exitCode: 1 }
  }
}

/** The environment's settings win over what a running `npm start` tells. @throws StartError */
export async function joinEnvironment(options: JoinOptions): Promise<Record<string, string>> {
  const needsRunFile = options.managers === null || options.clusterSecret === null
  const run = needsRunFile ? await findRunning(options) : null
  const managers = options.managers ?? run?.managerUrl
  const clusterSecret = options.clusterSecret ?? run?.clusterSecret
  if (managers === undefined || clusterSecret === undefined) throw new StartError(missingSentence(options))
  const shared = { MANAGERS: managers, CLUSTER_SECRET: clusterSecret }
  if (options.dataRoot !== null)
    return { ...shared, DATA_DIR: '', DATA_ROOT: options.dataRoot, NAME: options.name ?? '' }
  if (options.dataDirectory !== null || run === null) {
    const directory = options.dataDirectory ?? resolve(options.workingDirectory, 'data', 'file-server')
    return { ...shared, DATA_DIR: directory, DATA_ROOT: '', NAME: options.name ?? '' }
  }
  const number = await takeNextNumber(run.fileServersDirectory)
  const directory = fileServerDirectory(run.fileServersDirectory, number)
  return { ...shared, DATA_DIR: directory, DATA_ROOT: '', NAME: options.name ?? String(number) }
}

/** Another user's data directory should not be taken over, so the message says how to join it instead. */
function explainJoin({ joinDirectory }: JoinOptions, error: unknown): unknown {
  if (!isErrno(error, 'EACCES')) return explainInside(joinDirectory, error)
  return new StartError(
    `${joinDirectory} belongs to another user: join it as that user, or give --managers, --data and CLUSTER_SECRET.`,
    { cause: error },
  )
}

async function findRunning({ joinDirectory }: JoinOptions): Promise<RunFile | null> {
  const run = await readRunFile(layoutOf(joinDirectory).runFile)
  return run !== null && isAlive(run.pid) ? run : null
}

function missingSentence({ managers, joinDirectory }: JoinOptions): string {
  if (managers !== null) {
    return `To join ${managers}, set CLUSTER_SECRET: it stands in the file cluster-secret in the data directory of the "npm start" there.`
  }
  return (
    `No running Holdfast was found in ${joinDirectory}: start one with "npm start", or name the data directory of a running one ` +
    'with --join DIR, or join one on another machine with MANAGERS=http://HOST:8000 and CLUSTER_SECRET.'
  )
}
