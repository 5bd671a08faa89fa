import { join } from 'node:path'
import { RotatingLog } from '../files/rotating-log.ts'
import { startEmbeddedMongod } from '../mongod/embedded-mongod.ts'
import { type Supervised, supervise } from '../processes/supervise.ts'
import type { LaunchContext } from './launch-context.ts'

export interface Database {
  readonly mongoUrl: string
  /** It is null where MongoDB runs elsewhere. */
  readonly supervised: Supervised | null
}

const DATABASE = 'holdfast'

export async function startMongod(context: LaunchContext): Promise<Database> {
  const { options, environment, layout, progress, signal, started } = context
  if (options.mongoUrl !== null) {
    progress.line('  mongod: MONGO_URL is set, none is started')
    return { mongoUrl: options.mongoUrl, supervised: null }
  }
  const log = new RotatingLog(join(layout.mongo, 'mongod.log'), (problem) => progress.line(problem))
  started.push({ stop: async () => log.close() })
  const report = (line: string) => progress.line(`  ${line}`)
  const mongod = await progress.step(
    'starting MongoDB',
    startEmbeddedMongod({
      directory: layout.mongo,
      environment,
      report,
      onLogLine: (line) => log.append(line),
      signal,
    }),
    ({ binary, port }) => `MongoDB ${binary.version} on 127.0.0.1:${port}`,
  )
  const supervised = supervise(
    {
      name: 'mongod',
      where: `127.0.0.1:${mongod.port}`,
      start: (restartSignal) => mongod.restart(restartSignal),
      report: (line) => progress.line(line),
    },
    mongod.running,
  )
  started.push(supervised)
  return { mongoUrl: mongod.urlOf(DATABASE), supervised }
}
