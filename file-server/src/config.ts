import { logLevelSetting } from '@holdfast/shared/settings/every-process'
import { bytes, flag, httpPort, httpUrl, httpUrls, secret, text, zone } from '@holdfast/shared/settings/parsers'
import type { SettingsOf, SettingsTable } from '@holdfast/shared/settings/settings'
import { DEFAULT_JOURNAL } from './store/journal/open-journal.ts'

const GIB = 1024 ** 3

export const fileServerSettings = {
  managers: {
    env: 'MANAGERS',
    parse: httpUrls,
    default: ['http://127.0.0.1:8000'],
    doc: 'Addresses of managers, separated by commas; one is enough to learn of the others',
  },
  clusterSecret: {
    env: 'CLUSTER_SECRET',
    parse: secret,
    isSecret: true,
    doc: 'What managers and file-servers prove to each other that they know; at least 16 characters',
  },
  dataDirectory: {
    env: 'DATA_DIR',
    parse: text,
    default: '',
    doc: 'The data directory of this file-server; give this or DATA_ROOT',
  },
  dataRoot: {
    env: 'DATA_ROOT',
    parse: text,
    default: '',
    doc: 'A folder for the data directories of several file-servers; each takes the lowest free one',
  },
  name: {
    env: 'NAME',
    parse: text,
    default: '',
    doc: "What people call this file-server in lists; the data directory's name unless given",
  },
  zone: {
    env: 'ZONE',
    parse: zone,
    default: '',
    doc: 'What fails together has the same zone, and the replicas of a chunk go to different ones while there are enough; the host name unless given',
  },
  allowsLocalReads: {
    env: 'LOCAL_READS',
    parse: flag,
    default: true,
    doc: "Whether a manager on the same machine reads large files from this file-server's disk by itself, four times as fast as the file-server sends them; it needs the right to read them",
  },
  chunkHost: {
    env: 'CHUNK_HOST',
    parse: text,
    default: '127.0.0.1',
    doc: 'Address on which this file-server takes and gives chunks by HTTP, from and to whoever has a ticket',
  },
  chunkPort: { env: 'CHUNK_PORT', parse: httpPort, default: 0, doc: 'Port for that; 0 takes a free one' },
  chunkUrl: {
    env: 'CHUNK_URL',
    parse: (value: string): string | null => httpUrl(value),
    default: null,
    doc: 'Where other file-servers and clients reach it; http://CHUNK_HOST:CHUNK_PORT unless given, with the host name for 0.0.0.0',
  },
  minFreeBytes: {
    env: 'MIN_FREE_BYTES',
    parse: bytes,
    default: GIB,
    doc: 'With less free space than this on its disk a file-server takes no more files',
  },
  journalMaxBytes: {
    env: 'JOURNAL_MAX_BYTES',
    parse: bytes,
    default: DEFAULT_JOURNAL.maxCopyBytes,
    doc: 'Files up to this size are made durable by the journal, many with one sync; 0 turns it off; more than 256KiB has no effect',
  },
  journalSegmentBytes: {
    env: 'JOURNAL_SEGMENT_BYTES',
    parse: bytes,
    default: DEFAULT_JOURNAL.segmentBytes,
    doc: 'How large each of the two files of the journal may grow; at most a 32nd of the disk',
  },
  logLevel: logLevelSetting,
} as const satisfies SettingsTable

export type FileServerSettings = SettingsOf<typeof fileServerSettings>
