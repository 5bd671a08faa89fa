import { randomBytes } from 'node:crypto'
import { basename } from 'node:path'
import { pickFreeSubdirectory } from '@holdfast/shared/node/directory-lock'
import type { Logger } from '@holdfast/shared/node/logger'
import { type Service, StartError } from '@holdfast/shared/node/run-service'
import type { FileServerSettings } from './config.ts'
import { DataPort } from './link/data-port.ts'
import { ManagerLinks } from './link/manager-links.ts'
import { SuspectClock } from './link/suspect-clock.ts'
import { Uploads } from './link/uploads.ts'
import { openStore } from './store/open-store.ts'
import type { Store } from './store/store.ts'

/** The composition root: the one file that knows every part of the file-server. */
export async function startFileServer(settings: FileServerSettings, log: Logger): Promise<Service> {
  const { dataDirectory, dataRoot, minFreeBytes } = settings
  if ((dataDirectory === '') === (dataRoot === '')) throw new StartError('Give either DATA_DIR or DATA_ROOT.')
  const picked = dataDirectory === '' ? await pickFreeSubdirectory(dataRoot) : { directory: dataDirectory }
  const store = await openStore({
    dataDirectory: picked.directory,
    minFreeBytes,
    journal: { maxCopyBytes: settings.journalMaxBytes, segmentBytes: settings.journalSegmentBytes },
    log,
    ...('lock' in picked ? { lock: picked.lock } : {}),
  })
  const uploads = new Uploads(store)
  const dataPort = await openDataPort(settings, store, log)
  const links = new ManagerLinks(settings.managers, {
    store,
    uploads,
    dataPort,
    allowsLocalReads: settings.allowsLocalReads,
    suspects: new SuspectClock(() => performance.now()),
    secret: settings.clusterSecret,
    bootId: randomBytes(8).toString('hex'),
    name: settings.name === '' ? basename(picked.directory) : settings.name,
    log,
  })
  log.info(
    { serverId: store.serverId, directory: picked.directory, managers: settings.managers },
    'file-server started',
  )
  return {
    failed: store.failed,
    async close() {
      links.close()
      dataPort?.close()
      await uploads.close()
      await store.close()
    },
  }
}

async function openDataPort(
  { dataHost, dataPort }: FileServerSettings,
  store: Store,
  log: Logger,
): Promise<DataPort | null> {
  if (dataHost === 'none') return null
  try {
    return await DataPort.open(dataHost, dataPort, log)
  } catch (error) {
    await store.close()
    throw error
  }
}
