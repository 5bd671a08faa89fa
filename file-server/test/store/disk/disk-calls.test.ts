import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { newCopyId } from '../../../../shared/test/new-copy-id.ts'
import { type DiskCalls, openDisk, tellsFailuresOfSyncfs } from '../../../src/store/disk/disk-calls.ts'
import { realDisk } from '../recording-disk.ts'
import { useDataDirectory } from '../store-fixture.ts'

const data = useDataDirectory()

test.each([
  ['linux', '6.18.44-fc-v669', true],
  ['linux', '10.0.0', true],
  ['linux', '5.15.167.4-microsoft-standard-WSL2', true],
  ['linux', '5.8.0', true],
  ['linux', '5.7.19', false],
  ['linux', '5.4.0-216-generic', false],
  ['linux', '4.18.0-553.el8_10.x86_64', false],
  ['linux', 'unknown', false],
  ['darwin', '24.6.0', false],
] as const)('of %s %s it is known whether syncfs tells of a failed write-back: %s', (platform, release, isTold) => {
  expect(tellsFailuresOfSyncfs({ platform, release })).toBe(isTold)
})

test('a checkpoint of many copies syncs each where syncfs would tell of no failure', async () => {
  let syncCount = 0
  const disk: DiskCalls = {
    ...openDisk({ platform: 'linux', release: '5.4.0-216-generic' }),
    syncPath: (path) => {
      syncCount++
      return realDisk.syncPath(path)
    },
  }
  const store = await data.open({ disk })
  const copies = await Promise.all(
    Array.from({ length: 300 }, () => store.storeCopy(newCopyId(), randomBytes(100), null)),
  )
  await store.close()
  expect(syncCount).toBe(copies.length)
})
