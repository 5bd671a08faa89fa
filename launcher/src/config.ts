import { allowAnonymousSetting, hostSetting, logLevelSetting } from '@holdfast/shared/settings/every-process'
import { httpPort, integer, mongoUrl, secret } from '@holdfast/shared/settings/parsers'
import type { SettingsOf, SettingsTable } from '@holdfast/shared/settings/settings'

/** `npm start` itself reads only these; everything else in its environment reaches the processes that it starts. */
export const launcherSettings = {
  mongoUrl: {
    env: 'MONGO_URL',
    parse: (value: string): string | null => mongoUrl(value),
    default: null,
    isSecret: true,
    doc: 'A MongoDB replica set that runs elsewhere; without it an embedded one is started',
  },
  clusterSecret: {
    env: 'CLUSTER_SECRET',
    parse: (value: string): string | null => secret(value),
    default: null,
    isSecret: true,
    doc: 'What managers and file-servers prove to each other that they know; made and kept in the data directory unless given',
  },
  host: hostSetting,
  port: { env: 'PORT', parse: httpPort, default: 8000, doc: 'HTTP port; 0 takes a free one' },
  chunkPort: {
    env: 'CHUNK_PORT',
    parse: httpPort,
    default: 0,
    doc: 'Port of the first file-server for chunks, the others have those that follow; 0 takes free ones',
  },
  managerWorkers: {
    env: 'MANAGER_WORKERS',
    parse: (value: string): number | null => integer({ min: 1, max: 16 })(value),
    default: null,
    doc: 'Manager processes behind the one port; by the machine unless given: one for every two cores and every GiB, at most 8',
  },
  allowAnonymous: allowAnonymousSetting,
  logLevel: logLevelSetting,
} as const satisfies SettingsTable

export type LauncherSettings = SettingsOf<typeof launcherSettings>
