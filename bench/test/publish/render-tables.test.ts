import { describe, expect, it } from 'vitest'
import {
  renderAsks,
  renderBeside,
  renderCosts,
  renderFills,
  renderHeals,
  renderQueues,
  renderRates,
  renderSwarms,
} from '../../src/publish/render-tables.ts'
import { exampleResult } from './example-result.ts'

const { cells, fills, heals, swarms, asks, queues } = exampleResult
const linesWith = (table: string, ...texts: string[]) =>
  table
    .split('\n')
    .filter((line) => texts.every((text) => line.includes(text)))
    .map((line) => line.replace(/ +/g, ' '))

describe('tables of a run', () => {
  it('show the median of the rounds and how many times as fast the first system is', () => {
    const table = renderRates(cells.slice(0, 1))
    expect(linesWith(table, 'holdfast')).toEqual(['| upload | 4 KiB | 64 | holdfast | 3,900 | files/s | | 12 | 46 |'])
    expect(linesWith(table, 'gridfs')).toEqual([
      '| upload | 4 KiB | 64 | gridfs | 1,300 | files/s | 3.00 x | 12 | 46 |',
    ])
    expect(linesWith(table, ' node ')).toEqual(['| upload | 4 KiB | 64 | node | 1,950 | files/s | 2.00 x | 12 | 46 |'])
  })

  it('count large files in MB/s, and leave a dash where nothing was measured', () => {
    const table = renderRates(cells.slice(2, 3))
    expect(linesWith(table, 'holdfast')).toEqual(['| upload | 256 MiB | 1 | holdfast | 268 | MB/s | | 12 | 46 |'])
    expect(linesWith(table, ' node ')).toEqual(['| upload | 256 MiB | 1 | node | - | MB/s | | - | - |'])
  })

  it('show how the checkout beside compares: the median of the ratios of each round, the least and the most, and CPU', () => {
    const [first] = cells
    const { holdfast = [], node = [] } = first?.samples ?? {}
    const beside = holdfast.map((sample, round) => ({ ...sample, doneCount: [2_000, 3_000, 5_000][round] ?? 0 }))
    const table = renderBeside(first === undefined ? [] : [{ ...first, samples: { holdfast, beside, node } }])
    expect(linesWith(table, 'upload')).toEqual(['| upload | 4 KiB | 64 | 1.00 x | 0.78 x | 2.00 x | 3 | 0.92 x |'])
    expect(renderBeside(cells)).toBe('')
  })

  it('show CPU per operation over all rounds and the highest peak of each role', () => {
    const [row] = linesWith(renderCosts(cells.slice(0, 1)), 'holdfast')
    expect(row).toContain('| 200 us / 64 MiB |')
    expect(row).toMatch(/ 200 us \|$/)
  })

  it('show how long filling took', () => {
    expect(linesWith(renderFills(fills), '100,000')).toEqual(['| 100,000 | 98,000 | 24.5 | 4,000 |'])
  })

  it('show how fast the copies of a lost file-server were made anew', () => {
    expect(linesWith(renderHeals(heals), '2048 MiB')).toEqual(['| 3 | 2048 MiB | 512 | 20.0 | 107 |'])
  })

  it('show how long clients took to load a file from so many seeds, and what it cost them', () => {
    const table = renderSwarms(swarms)
    expect(linesWith(table, 'holdfast')).toEqual(['| 1024 MiB | 4 | holdfast | 9.0 | 119 | | 7.3 | 200 MiB |'])
    expect(linesWith(table, 'aria2c')).toEqual(['| 1024 MiB | 4 | aria2c | 4.5 | 239 | 0.50 x | - | - |'])
  })

  it('show how long questions of a large library took', () => {
    expect(linesWith(renderAsks(asks), 'year=')).toEqual(['| one filter | year=… | 4.56 | 79 |'])
  })

  it('show the medians of what queues took in and had done', () => {
    expect(linesWith(renderQueues(queues), 'Redis')).toEqual(['| Redis | 4 | 950 | 4,000 |'])
  })

  it('are nothing without rows', () => {
    expect([renderRates([]), renderCosts([]), renderFills([]), renderSwarms([])]).toEqual(['', '', '', ''])
  })
})
