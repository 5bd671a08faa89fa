import { access, constants } from 'node:fs/promises'
import { delimiter, isAbsolute, join } from 'node:path'
import { StartError } from '@holdfast/shared/node/run-service'
import { inspectMongod, type MongodBinary } from './mongod-binary.ts'
import type { SourceContext } from './mongod-source.ts'

/** A mongod that the user names is used or complained about, never passed over. */
export async function findNamedMongod({ environment, signal }: SourceContext): Promise<MongodBinary | string> {
  const path = environment.MONGOMS_SYSTEM_BINARY
  if (path === undefined || path === '') return 'MONGOMS_SYSTEM_BINARY is not set'
  const found = await inspectMongod(path, 'MONGOMS_SYSTEM_BINARY', signal)
  if (typeof found === 'string')
    throw new StartError(`MONGOMS_SYSTEM_BINARY does not name a mongod that works: ${found}.`)
  return found
}

export async function findMongodOnPath({ environment, signal }: SourceContext): Promise<MongodBinary | string> {
  for (const directory of (environment.PATH ?? '').split(delimiter)) {
    const path = join(directory, 'mongod')
    if (isAbsolute(path) && (await isExecutable(path))) return inspectMongod(path, 'the PATH', signal)
  }
  return 'there is no mongod on the PATH'
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
}
