import { join } from 'node:path'

/** `npm start` keeps everything under these paths in its data directory. */
export interface DataLayout {
  readonly root: string
  readonly clusterSecret: string
  readonly runFile: string
  readonly mongo: string
  readonly fileServers: string
  readonly torrents: string
  readonly logs: string
}

export function layoutOf(root: string): DataLayout {
  return {
    root,
    clusterSecret: join(root, 'cluster-secret'),
    runFile: join(root, 'run.json'),
    mongo: join(root, 'mongo'),
    fileServers: join(root, 'file-servers'),
    torrents: join(root, 'torrents'),
    logs: join(root, 'logs'),
  }
}
