import { audioOperations } from './api/audio/audio.operations.ts'
import { activeNodesOperations } from './api/cluster/active-nodes.operations.ts'
import { jobsOperations } from './api/cluster/jobs.operations.ts'
import { pingOperations } from './api/cluster/ping.operations.ts'
import { upkeepOperations } from './api/cluster/upkeep.operations.ts'
import { fileOperations } from './api/file/file.operations.ts'
import { filesOperations } from './api/share/files.operations.ts'
import { shareOperations } from './api/share/share.operations.ts'
import { subsonicOperations } from './api/subsonic/subsonic.operations.ts'
import { fromTorrentOperations } from './api/tracker/from-torrent.operations.ts'
import { napsterOperations } from './api/tracker/napster.operations.ts'
import { statsOperations } from './api/tracker/stats.operations.ts'
import { torrentOperations } from './api/tracker/torrent.operations.ts'
import { torrentFilesOperations } from './api/tracker/torrent-files.operations.ts'
import { healthOperations } from './http/health.operations.ts'
import { openApiDocumentOf } from './http/openapi.ts'

/** Describes every route of the manager. `docs/openapi.json` is generated from it. */
export const openApiDocument = openApiDocumentOf([
  ...fileOperations,
  ...shareOperations,
  ...filesOperations,
  ...audioOperations,
  ...subsonicOperations,
  ...activeNodesOperations,
  ...pingOperations,
  ...upkeepOperations,
  ...jobsOperations,
  ...napsterOperations,
  ...torrentOperations,
  ...torrentFilesOperations,
  ...fromTorrentOperations,
  ...statsOperations,
  ...healthOperations,
])
