import { parseFileName } from '@holdfast/shared/file-name'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RawFileScanner } from '../../../src/bodies/formats/raw-file-scanner.ts'
import { cut, failureOf, scan } from '../scan.ts'

const name = parseFileName('a')

test('gives back any body, at any cut', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array(), fc.array(fc.nat()), async (bytes, places) => {
      const body = Buffer.from(bytes)
      const scanned = await scan(new RawFileScanner(name, body.length), cut(body, places))
      expect(scanned).toEqual({ name: 'a', encoding: 'binary', bytes: body })
    }),
  )
})

test('takes as many bytes as are allowed, and not one more', async () => {
  expect((await scan(new RawFileScanner(name, 4), [Buffer.alloc(3), Buffer.alloc(1)])).bytes).toHaveLength(4)
  const scanMore = async () => scan(new RawFileScanner(name, 4), [Buffer.alloc(3), Buffer.alloc(2)])
  expect(await failureOf(scanMore())).toBe('TOO_LARGE')
})
