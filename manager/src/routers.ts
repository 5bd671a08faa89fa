import type Router from '@koa/router'
import { type AudioApiDeps, audioRoutes } from './api/audio/audio.routes.ts'
import { activeNodesRoutes } from './api/cluster/active-nodes.routes.ts'
import { type JobsApiDeps, jobsRoutes } from './api/cluster/jobs.routes.ts'
import { type PingDeps, pingRoutes } from './api/cluster/ping.routes.ts'
import { upkeepRoutes } from './api/cluster/upkeep.routes.ts'
import { type FileApiDeps, fileRoutes } from './api/file/file.routes.ts'
import { pageRoutes } from './api/page/page.routes.ts'
import type { PageFiles } from './api/page/page-files.ts'
import { type FilesApiDeps, filesRoutes } from './api/share/files.routes.ts'
import { type ShareApiDeps, shareRoutes } from './api/share/share.routes.ts'
import { type FromTorrentDeps, fromTorrentRoutes } from './api/tracker/from-torrent.routes.ts'
import { type NapsterApiDeps, napsterRoutes } from './api/tracker/napster.routes.ts'
import { type StatsApiDeps, statsRoutes } from './api/tracker/stats.routes.ts'
import { type TorrentApiDeps, torrentRoutes } from './api/tracker/torrent.routes.ts'
import { type TorrentFilesDeps, torrentFilesRoutes } from './api/tracker/torrent-files.routes.ts'
import { healthRoutes } from './http/health.routes.ts'
import type { RequestState } from './http/request-context.ts'
import type { Database } from './mongo/database.ts'
import { readUpkeepStatus } from './upkeep/upkeep-status.ts'

export interface RouterDeps {
  readonly files: FileApiDeps & FilesApiDeps & TorrentFilesDeps
  readonly share: ShareApiDeps
  readonly audio: AudioApiDeps
  readonly peers: TorrentApiDeps & NapsterApiDeps & StatsApiDeps
  readonly cluster: PingDeps & JobsApiDeps & FromTorrentDeps & { readonly database: Database }
  readonly page: PageFiles
  /** These are the routes of `/rest`, where they are on. */
  readonly subsonic: readonly Router<RequestState>[]
}

/** @returns the routers of all interfaces in the order in which they are asked: the first match answers */
export function makeRouters({
  files,
  share,
  audio,
  peers,
  cluster,
  page,
  subsonic,
}: RouterDeps): Router<RequestState>[] {
  const { database, registry } = cluster
  const findObstacles = (): string[] => [
    ...(database.isAvailable ? [] : ['the database']),
    ...(registry.links.some((link) => registry.isActive(link)) ? [] : ['a file-server']),
  ]
  // Its schemas take some 20 MiB, which a manager spares until somebody asks.
  const readDocument = async () => (await import('./openapi-document.ts')).openApiDocument
  return [
    // The first ones cost the least, and nothing is asked for as often as announces.
    torrentRoutes(peers),
    fileRoutes(files),
    shareRoutes(share),
    // Before those, for it is no file's id.
    fromTorrentRoutes(cluster),
    filesRoutes(files),
    audioRoutes(audio),
    activeNodesRoutes(registry),
    pingRoutes(cluster),
    napsterRoutes(peers),
    statsRoutes(peers),
    torrentFilesRoutes(files),
    upkeepRoutes(() => readUpkeepStatus(database)),
    pageRoutes(page),
    jobsRoutes(cluster),
    ...subsonic,
    healthRoutes(findObstacles, readDocument),
  ]
}
