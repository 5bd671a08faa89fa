import { StartError } from '@holdfast/shared/node/run-service'
import { expect, test } from 'vitest'
import { ownPortOf, shareOf, workerHostOf } from '../../src/workers/worker-settings.ts'

test.each([
  [{ host: '127.0.0.1', publicUrl: null, workerHost: null }, '127.0.0.1'],
  [{ host: '::1', publicUrl: null, workerHost: null }, '[::1]'],
  [{ host: '0.0.0.0', publicUrl: 'http://manager:8000', workerHost: null }, 'manager'],
  [{ host: '0.0.0.0', publicUrl: 'https://files.example.org', workerHost: '10.0.0.7' }, '10.0.0.7'],
])('file-servers reach the workers of %j at %s', (addresses, host) => {
  expect(workerHostOf(addresses)).toBe(host)
})

test('several workers on every address need a name to be dialled by', () => {
  const addresses = { host: '0.0.0.0', publicUrl: null, workerHost: null }
  expect(() => workerHostOf(addresses)).toThrow(StartError)
})

test('a bound is shared out, and never becomes nothing', () => {
  expect([shareOf(1_024, 4), shareOf(10, 3), shareOf(1, 16)]).toEqual([256, 4, 1])
})

test('a place keeps its port, by the settings or by what it had', () => {
  expect([ownPortOf(9_000, 2, 0), ownPortOf(0, 2, 41_234), ownPortOf(0, 0, 0)]).toEqual([9_002, 41_234, 0])
})
