import type { AnnounceSample, BenchResult, Cell, Sample } from '../../src/result.ts'

const sample = (rate: number, cpuUs: number, role = 'server'): Sample => ({
  doneCount: rate,
  uploadCount: rate,
  deleteCount: 0,
  seconds: 1,
  p50Ms: 12.3,
  p99Ms: 45.6,
  clientUs: 1,
  usage: [{ role, processCount: 1, cpuUs, peakRssBytes: 64 * 1024 ** 2 }],
})

const announced = (doneCount: number, cpuUs: number, role: string): AnnounceSample => ({
  ...{ doneCount, refusedCount: 0, nextNumber: 0, seconds: 2, p50Ms: 1.5, p99Ms: 12.3, clientUs: 1 },
  usage: [
    { role, processCount: 1, cpuUs, peakRssBytes: 100 * 1024 ** 2 },
    ...(role === 'manager' ? [{ role: 'mongod', processCount: 1, cpuUs: 100_000, peakRssBytes: 1 }] : []),
  ],
})

const cell = (changes: Partial<Cell>): Cell => ({
  section: 'small',
  operation: 'upload',
  sizeBytes: 4096,
  clients: 64,
  samples: {
    holdfast: [sample(4_000, 800_000, 'manager'), sample(3_000, 600_000, 'manager'), sample(3_900, 780_000, 'manager')],
    gridfs: [sample(1_300, 1_300_000)],
    node: [sample(1_950, 390_000)],
  },
  ...changes,
})

export const exampleResult: BenchResult = {
  at: '2026-11-21T08:00:00.000Z',
  commit: '0123456789',
  mode: 'full',
  hasImage: true,
  seconds: 299.6,
  machine: {
    processor: 'A <fast> & quiet one',
    cores: 2,
    memoryBytes: 8 * 1024 ** 3,
    system: 'linux 6.1',
    node: 'v20.20.2',
    fileSystem: 'ext4',
    disk: 'ext4 with a journal, in a file made for the run',
  },
  cells: [
    cell({}),
    cell({ clients: 1 }),
    cell({
      section: 'large',
      sizeBytes: 256 * 1024 ** 2,
      clients: 1,
      samples: { holdfast: [sample(1, 500_000)], node: [] },
    }),
    cell({ section: 'replicated', samples: { replicated: [sample(2_000, 1)], single: [sample(4_000, 1)] } }),
    cell({ section: 'growth', samples: { '1,000 files': [sample(4_000, 1)], '100,000 files': [sample(3_990, 1)] } }),
  ],
  heals: [{ fileServerCount: 3, chunkCount: 512, bytes: 2 * 1024 ** 3, seconds: 20 }],
  swarms: [
    {
      seedCount: 4,
      bytes: 1024 ** 3,
      samples: {
        holdfast: [8, 10, 9].map((seconds) => ({
          seconds,
          usage: { cpuSeconds: 7.3, peakRssBytes: seconds * 20 * 1024 ** 2 },
        })),
        aria2c: [{ seconds: 4.5, usage: null }],
      },
    },
  ],
  asks: [{ group: 'one filter', what: 'year=…', count: 100, p50Ms: 4.56, p99Ms: 78.9 }],
  queues: [
    { queue: 'Redis', workerCount: 4, jobCount: 2_000, addRates: [900, 1_000], doneRates: [4_000, 3_000, 5_000] },
  ],
  announces: [
    {
      ...{ protocol: 'udp', peers: 'known', clients: 64 },
      samples: {
        holdfast: [announced(20_000, 400_000, 'manager')],
        'bittorrent-tracker': [announced(15_000, 450_000, 'server')],
      },
    },
  ],
  searches: [
    {
      ...{ trackCount: 1_000_000, userCount: 4_000, clients: 4, fillSeconds: 99.6 },
      times: [
        { search: 'a song', example: 'song=One', count: 1_000, found: 2.25, p50Ms: 1.234, p99Ms: 23.4, mostMs: 45.6 },
      ],
    },
  ],
  fills: [{ fileCount: 100_000, addedCount: 98_000, seconds: 24.5 }],
  failures: [],
}
