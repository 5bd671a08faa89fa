import type { ClusterId } from '@holdfast/shared/ids'
import type { Logger } from '@holdfast/shared/node/logger'
import type { StopStack } from '@holdfast/shared/node/stop-stack'
import { readClusterId } from '../mongo/cluster-identity.ts'
import { connectDatabase, type Database } from '../mongo/database.ts'
import { type FileModel, prepareFileModel } from './file.model.ts'
import { FileRecords } from './file-records.ts'
import { HolderRecords } from './holder-records.ts'
import { OpenFiles } from './open-files.ts'

export interface FilesSlice {
  readonly database: Database
  readonly clusterId: ClusterId
  readonly model: FileModel
  readonly records: FileRecords
  readonly holders: HolderRecords
  readonly openFiles: OpenFiles
}

/** Connects to the database, however long that takes until the signal fires, and prepares the records in it. */
export async function startFiles(
  mongoUrl: string,
  { log, stops, signal }: { readonly log: Logger; readonly stops: StopStack; readonly signal: AbortSignal },
): Promise<FilesSlice> {
  const database = await connectDatabase(mongoUrl, log, signal)
  stops.add(() => database.close())
  const clusterId = await readClusterId(database)
  const model = await prepareFileModel(database.connection)
  return {
    database,
    clusterId,
    model,
    records: new FileRecords(model),
    holders: new HolderRecords(model),
    openFiles: new OpenFiles(model),
  }
}
