import { StoreError } from '@holdfast/shared/errors/store-error'
import { PART_BYTES } from '@holdfast/shared/limits'
import { expect, test } from 'vitest'
import { DownloadMemory } from '../../../src/chunks/reading/download-memory.ts'

const LARGE = 100 * PART_BYTES

test('takes two parts of a large file while both fit, then one, then none', () => {
  const memory = new DownloadMemory(8 * PART_BYTES)
  const shares = [memory.take(LARGE), memory.take(LARGE), memory.take(LARGE), memory.take(LARGE)]
  expect(shares.map((share) => share.isAhead)).toEqual([true, true, true, false])
  expect(() => memory.take(LARGE)).toThrow(new StoreError('OVERLOADED'))
  for (const share of shares) share[Symbol.dispose]()
  expect(memory.usedBytes).toBe(0)
})

test('keeps memory for small files that large ones never take', () => {
  const memory = new DownloadMemory(8 * PART_BYTES)
  const large = []
  for (;;) {
    try {
      large.push(memory.take(LARGE))
    } catch {
      break
    }
  }
  using small = memory.take(100_000)
  expect(small.isAhead).toBe(false)
  expect(memory.usedBytes).toBe(
    large.length * PART_BYTES + large.filter((share) => share.isAhead).length * PART_BYTES + 100_000,
  )
})

test('takes no more than a small file needs, and nothing for an empty one', () => {
  const memory = new DownloadMemory(8 * PART_BYTES)
  using _small = memory.take(10)
  using _empty = memory.take(0)
  expect(memory.usedBytes).toBe(10)
})
