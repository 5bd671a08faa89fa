// The root test configuration keeps the name the project's owner chose; the runner is Vitest (`vitest --config jest.config.ts`).
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const sourceOf = (path: string) => fileURLToPath(new URL(path, import.meta.url))
/** These need no database. */
const packages = [
  'shared/test/**/*.test.ts',
  'file-server/test/**/*.test.ts',
  'client/test/**/*.test.ts',
  'peer/test/**/*.test.ts',
  'bench/test/**/*.test.ts',
  'web/test/**/*.test.ts',
]
const isFullRun = process.env.FAULTS === 'full'
/** They run only in `npm run test:faults`. */
const campaigns = ['test/faults/campaigns/**/*.test.ts']
/** They come after all others, one at a time, because a load that is too slow shows nothing, and fails. */
const underLoad = [
  'test/{kills,power-cut}.test.ts',
  'test/faults/rows/commands.test.ts',
  ...(isFullRun ? campaigns : []),
]
const globalSetup = ['test/mongod-for-tests.ts']

export default defineConfig({
  resolve: {
    alias: [
      {
        find: /^@holdfast\/(shared|launcher|manager|file-server|client|peer)\/(.+)$/,
        replacement: sourceOf('./$1/src/$2.ts'),
      },
    ],
  },
  test: {
    pool: 'forks',
    // Two cores are enough for three, since each waits for a third of its time.
    maxWorkers: 3,
    // No test file leaves anything to another, and a process for each would be a seventh of their time.
    isolate: false,
    // These end what hangs. A busy machine stands still for seconds, so what is only slow is waited for.
    testTimeout: 60_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 15_000 } },
    setupFiles: ['test/setup.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'manager',
          testTimeout: 180_000,
          include: ['manager/test/**/*.test.ts'],
          globalSetup,
          // They wait for most of their time, and come first.
          maxWorkers: 5,
          maxConcurrency: 12,
        },
      },
      {
        extends: true,
        test: { name: 'packages', include: packages, maxWorkers: 5 },
      },
      {
        extends: true,
        test: {
          name: 'whole system',
          testTimeout: 180_000,
          include: ['launcher/test/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: [...campaigns, ...underLoad],
          globalSetup,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'under load',
          testTimeout: 180_000,
          include: underLoad,
          globalSetup,
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
})
