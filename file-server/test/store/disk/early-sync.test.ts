import { expect, test, vi } from 'vitest'
import { EARLY_SYNC_BYTES, EarlySync } from '../../../src/store/disk/early-sync.ts'

test('a small file is not synced before its end', async () => {
  const sync = vi.fn(async () => undefined)
  const early = new EarlySync(sync)
  early.wrote(EARLY_SYNC_BYTES - 1)
  await early.end()
  expect(sync).not.toHaveBeenCalled()
})

test('a growing file is synced one sync at a time', async () => {
  const running: (() => void)[] = []
  const sync = vi.fn(() => new Promise<void>((resolve) => running.push(resolve)))
  const early = new EarlySync(sync)
  for (let count = 0; count < 3; count++) early.wrote(EARLY_SYNC_BYTES)
  expect(sync).toHaveBeenCalledTimes(1)
  running.shift()?.()
  await early.settled()
  early.wrote(1)
  expect(sync).toHaveBeenCalledTimes(2)
  running.shift()?.()
  await early.end()
})

test('the end waits for a sync that runs, and tells the first failure, also when later ones succeed', async () => {
  let fail: (error: Error) => void = () => undefined
  const sync = vi
    .fn<() => Promise<void>>()
    .mockImplementationOnce(() => new Promise((_, reject) => (fail = reject)))
    .mockResolvedValue(undefined)
  const early = new EarlySync(sync)
  early.wrote(EARLY_SYNC_BYTES)
  let hasEnded = false
  const ended = early.end().finally(() => {
    hasEnded = true
  })
  const refused = expect(ended).rejects.toThrow('EIO')
  expect(hasEnded).toBe(false)
  fail(new Error('EIO'))
  await refused
  early.wrote(EARLY_SYNC_BYTES)
  await early.settled()
  await expect(early.end()).rejects.toThrow('EIO')
})
