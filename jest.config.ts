// The root test configuration keeps the name the project's owner chose; the runner is Vitest (`vitest --config jest.config.ts`).
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const sourceOf = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const withoutDatabase = [
  'shared/test/**/*.test.ts',
  'file-server/test/**/*.test.ts',
  'client/test/**/*.test.ts',
  'bench/test/**/*.test.ts',
  'manager/test/{api,bodies,http,chunks}/**/*.test.ts',
]

/** After all others: a load that is too slow shows nothing, and fails. Two at a time, for they take what there is. */
const campaigns = ['test/faults/*.test.ts']

export default defineConfig({
  resolve: {
    alias: [
      {
        find: /^@holdfast\/(shared|launcher|manager|file-server|client)\/(.+)$/,
        replacement: sourceOf('./$1/src/$2.ts'),
      },
    ],
  },
  test: {
    pool: 'forks',
    // On two cores: each waits for a third of its time.
    maxWorkers: 3,
    testTimeout: 20_000,
    hookTimeout: 60_000,
    projects: [
      // Many small files, none of which leaves anything to another: a process for each was a seventh of their time.
      { extends: true, test: { name: 'without database', include: withoutDatabase, isolate: false } },
      {
        extends: true,
        test: {
          name: 'with database',
          testTimeout: 60_000,
          include: ['{manager,launcher}/test/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: [...withoutDatabase, ...campaigns],
          globalSetup: ['test/mongod-for-tests.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'fault campaigns',
          testTimeout: 60_000,
          include: campaigns,
          globalSetup: ['test/mongod-for-tests.ts'],
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
