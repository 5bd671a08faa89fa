import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { basename } from 'node:path'
import { MAX_ZONE_LENGTH } from '@holdfast/shared/limits'
import { pickFreeSubdirectory } from '@holdfast/shared/node/directory-lock'
import type { Logger } from '@holdfast/shared/node/logger'
import { type Service, StartError } from '@holdfast/shared/node/run-service'
import { startStopping } from '@holdfast/shared/node/stop-stack'
import type { FileServerSettings } from './config.ts'
import { ChunkPort } from './http/chunk-port.ts'
import { ManagerLinks } from './link/manager-links.ts'
import { SuspectClock } from './link/suspect-clock.ts'
import { Uploads } from './link/uploads.ts'
import { openStore } from './store/open-store.ts'

/** This is the composition root: no other file knows every slice of the file-server. */
export async function startFileServer(settings: FileServerSettings, log: Logger): Promise<Service> {
  const { dataDirectory, dataRoot, minFreeBytes } = settings
  if ((dataDirectory === '') === (dataRoot === '')) throw new StartError('Give either DATA_DIR or DATA_ROOT.')
  return startStopping(async (stops) => {
    const picked = dataDirectory === '' ? await pickFreeSubdirectory(dataRoot) : { directory: dataDirectory }
    const store = await openStore({
      dataDirectory: picked.directory,
      minFreeBytes,
      journal: { maxCopyBytes: settings.journalMaxBytes, segmentBytes: settings.journalSegmentBytes },
      log,
      ...('lock' in picked ? { lock: picked.lock } : {}),
    })
    stops.add(() => store.close())
    const uploads = new Uploads(store)
    stops.add(() => uploads.close())
    const chunkPort = await ChunkPort.open({
      host: settings.chunkHost,
      port: settings.chunkPort,
      url: settings.chunkUrl,
      secret: settings.clusterSecret,
      store,
      tagsOf: (copyId) => links.tagsOf(copyId),
      storePosted: (copyId, bytes, sha256) => uploads.storePosted(copyId, bytes, sha256),
      log,
    })
    stops.add(() => chunkPort.close())
    const links: ManagerLinks = new ManagerLinks(settings.managers, {
      store,
      uploads,
      allowsLocalReads: settings.allowsLocalReads,
      suspects: new SuspectClock(() => performance.now()),
      secret: settings.clusterSecret,
      bootId: randomBytes(8).toString('hex'),
      name: settings.name === '' ? basename(picked.directory) : settings.name,
      zone: settings.zone === '' ? hostname().slice(0, MAX_ZONE_LENGTH) : settings.zone,
      chunkUrl: chunkPort.url,
      log,
    })
    stops.add(() => links.close())
    log.info(
      { serverId: store.serverId, chunkUrl: chunkPort.url, directory: picked.directory, managers: settings.managers },
      'file-server started',
    )
    return { failed: store.failed }
  })
}
