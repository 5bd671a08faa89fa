import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { testInFull } from '../../../test/full-run.ts'
import type { FileRecord } from '../../src/files/file.model.ts'
import { FileRecords } from '../../src/files/file-records.ts'
import { type ListOrder, type ListPlace, type ListWish, listQuery } from '../../src/files/list-query.ts'
import { newName, newRecord, useDatabase } from '../mongo/mongo-fixture.ts'

const used = useDatabase()
let records: FileRecords
let prefix: string
beforeEach(async () => {
  records = new FileRecords(used.model)
  prefix = `${newName()}/`
  // Sizes and dates repeat, so that names have to tell files apart.
  for (let number = 0; number < 12; number++) {
    const createdAt = new Date(1_700_000_000_000 + (number % 4) * 1_000)
    await records.insert(newRecord(`${prefix}Name.${number}`, { size: number % 3, createdAt }))
  }
})

const orderValue = ({ size, createdAt }: FileRecord, order: ListOrder): number | null =>
  order === 'name' ? null : order === 'size' ? size : createdAt.getTime()

async function listAll(wish: Partial<ListWish>): Promise<FileRecord[]> {
  const all: FileRecord[] = []
  let after: ListPlace | null = null
  for (;;) {
    const page: FileRecord[] = await records.list({ addressedBy: 'path', prefix, limit: 5, ...wish, after })
    const last = page.at(-1)
    if (last === undefined) return all
    all.push(...page)
    after = { name: last.name, id: last._id.toHexString() as never, value: orderValue(last, wish.order ?? 'name') }
  }
}

describe('a list', () => {
  test.each<[ListOrder, boolean]>([
    ['name', false],
    ['name', true],
    ['size', false],
    ['size', true],
    ['date', false],
    ['date', true],
  ])(
    'by %s has everything once and in order, also from page to page; turned round: %s',
    async (order, isDescending) => {
      const all = await listAll({ order, isDescending })
      const keys = all.map((record) => [orderValue(record, order) ?? 0, record.name] as const)
      const sorted = [...keys].sort(([a, x], [b, y]) => (isDescending ? -1 : 1) * (a - b || (x < y ? -1 : 1)))
      expect(keys).toEqual(sorted)
      expect(new Set(all.map(({ name }) => name)).size).toBe(12)
    },
  )

  test('has only what the search finds, in whatever case, and takes no sign of it for a pattern', async () => {
    const found = await listAll({ search: 'nAmE.1', order: 'size' })
    expect(found.map(({ name }) => name.slice(prefix.length)).sort()).toEqual(['Name.1', 'Name.10', 'Name.11'])
    expect(await listAll({ search: 'Name?1' })).toEqual([])
    expect(await records.count({ addressedBy: 'path', prefix, search: 'E.1' })).toBe(3)
    expect(await records.count({ addressedBy: 'path', prefix })).toBe(12)
  })

  testInFull(
    'that a search would read too much for is refused with what to do about it, and does not go on',
    async () => {
      const { collection } = used.model
      const find = collection.find.bind(collection)
      // mongod takes long over each name, as over very many of them.
      const slowly = (filter: object, options: object) =>
        find({ ...filter, $where: 'function () { sleep(500); return true }' } as object, options)
      vi.spyOn(collection, 'find').mockImplementation(slowly as never)
      onTestFinished(() => void vi.restoreAllMocks())
      const tooSlow = { cause: { cause: { code: 50 } } }
      await expect(listAll({ search: 'name' })).rejects.toMatchObject({
        ...{ name: 'INVALID_REQUEST', detail: expect.stringContaining('prefix'), ...tooSlow },
      })
      await expect(listAll({})).rejects.toMatchObject({ name: 'DATABASE_UNAVAILABLE', ...tooSlow.cause })
    },
  )

  test('by size or date reads an index in its order, and of names it leaves out only the keys', async () => {
    for (const [order, index] of [
      ['name', 'live_path'],
      ['size', 'live_path_size'],
      ['date', 'live_path_date'],
    ] as const) {
      const after = { name: `${prefix}Name.1`, id: '1'.repeat(24), value: 1 } as never
      for (const place of [null, after]) {
        const { filter, sort, hint } = listQuery({
          addressedBy: 'path',
          prefix: '',
          search: 'nowhere',
          order,
          after: place,
        })
        const found = used.model.collection
          .find(filter as object)
          .sort(sort)
          .hint(hint)
          .limit(5)
        const explained = await found.explain('executionStats')
        const plan = JSON.stringify(explained.queryPlanner.winningPlan)
        expect(plan).toContain(`"${index}"`)
        expect(plan).not.toContain('"SORT"')
        expect(explained.executionStats.totalDocsExamined).toBe(0)
      }
    }
  })
})
