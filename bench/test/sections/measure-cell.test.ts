import { expect, it } from 'vitest'
import { measureCell } from '../../src/sections/measure-cell.ts'

it('measures every system once a round, every other round in reverse, and lists them in their own order', async () => {
  const turns: string[] = []
  const systems = ['holdfast', 'beside', 'node'].map((name) => ({
    name,
    async measure() {
      turns.push(name)
      return {
        doneCount: turns.length,
        uploadCount: 0,
        deleteCount: 0,
        seconds: 1,
        p50Ms: 1,
        p99Ms: 1,
        clientUs: 1,
        usage: [],
      }
    },
  }))
  const slice = { operation: 'upload', sizeBytes: 4096, clients: 1, maxMs: 1 } as const
  const cell = await measureCell('small', systems, 3, slice)
  expect(turns).toEqual(['holdfast', 'beside', 'node', 'node', 'beside', 'holdfast', 'holdfast', 'beside', 'node'])
  expect(Object.keys(cell.samples)).toEqual(['holdfast', 'beside', 'node'])
  expect(cell.samples.beside?.map(({ doneCount }) => doneCount)).toEqual([2, 5, 8])
})
