import { LineSplitter } from '@holdfast/launcher/files/line-splitter'
import { expect, test } from 'vitest'

test('lines are whole, wherever the chunks were cut', () => {
  const lines: string[] = []
  const splitter = new LineSplitter((line) => lines.push(line))
  for (const byte of Buffer.from('grün\nblau\n\nrest')) splitter.push(Buffer.of(byte))
  splitter.end()
  expect(lines).toEqual(['grün', 'blau', '', 'rest'])
})

test('a line without an end does not grow for ever', () => {
  const lengths: number[] = []
  const splitter = new LineSplitter((line) => lengths.push(line.length))
  for (let chunk = 0; chunk < 100; chunk++) splitter.push(Buffer.alloc(10_000, 'x'))
  splitter.end()
  expect(lengths.reduce((sum, length) => sum + length)).toBe(1_000_000)
  expect(Math.max(...lengths)).toBeLessThan(80_000)
})
