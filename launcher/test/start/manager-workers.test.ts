import { expect, test } from 'vitest'
import { chooseWorkerCount } from '../../src/start/manager-workers.ts'

const GIB = 1024 ** 3
const loopback = { host: '127.0.0.1', managerUrl: undefined }

test.each([
  [1, 8, 1],
  [2, 24, 1],
  [3, 24, 1],
  [4, 16, 2],
  [8, 32, 4],
  [64, 256, 8],
  [8, 2, 2],
  [8, 0.5, 1],
])('on %i cores and %f GiB, %i manager processes', (coreCount, gib, workerCount) => {
  expect(chooseWorkerCount({ coreCount, memoryBytes: gib * GIB }, loopback)).toBe(workerCount)
})

test.each([
  ['0.0.0.0', undefined, 1],
  ['::', undefined, 1],
  ['0.0.0.0', 'http://10.0.0.1:8000', 4],
  ['10.0.0.1', undefined, 4],
])(
  'at %s with MANAGER_URL=%s, %i of 4: file-servers elsewhere must be told where each is',
  (host, managerUrl, count) => {
    expect(chooseWorkerCount({ coreCount: 8, memoryBytes: 32 * GIB }, { host, managerUrl })).toBe(count)
  },
)
