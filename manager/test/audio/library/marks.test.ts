import type { mongo } from 'mongoose'
import { beforeAll, expect, test } from 'vitest'
import { Marks } from '../../../src/audio/library/marks.ts'
import { useDatabase } from '../../mongo/mongo-fixture.ts'

const used = useDatabase()
let marks: Marks
beforeAll(async () => {
  marks = await Marks.open(used.model.db.db as mongo.Db)
})
const all = { count: 10, offset: 0 }
const ids = async (...args: Parameters<Marks['list']>) => (await marks.list(...args)).map(({ _id }) => _id)

test('a star stays as old as it is, and goes with no trace but the plays', async () => {
  await marks.star([{ id: 'a', kind: 'song' }])
  const first = (await marks.of(['a'])).get('a')?.starredAt
  expect(first).toBeInstanceOf(Date)
  await marks.star([
    { id: 'a', kind: 'song' },
    { id: 'al', kind: 'album' },
  ])
  expect((await marks.of(['a'])).get('a')?.starredAt).toEqual(first)
  expect(await ids('song', 'starredAt', all)).toEqual(['a'])
  await marks.count([{ songId: 'a', albumId: 'al', at: new Date(1_000) }])
  await marks.unstar([
    { id: 'a', kind: 'song' },
    { id: 'none', kind: 'song' },
  ])
  expect((await marks.of(['a'])).get('a')).toMatchObject({ playCount: 1 })
  expect(await ids('song', 'starredAt', all)).toEqual([])
  await marks.star([{ id: 'b', kind: 'song' }])
  await marks.unstar([{ id: 'b', kind: 'song' }])
  expect(await marks.of(['b'])).toEqual(new Map())
})

test('plays are counted for track and album, and the last of them is remembered', async () => {
  const at = (seconds: number) => new Date(seconds * 1_000)
  await marks.count([
    { songId: 'c', albumId: 'one', at: at(50) },
    { songId: 'c', albumId: 'one', at: at(20) },
    { songId: 'd', albumId: 'two', at: at(60) },
  ])
  expect((await marks.of(['c'])).get('c')).toMatchObject({ playCount: 2, playedAt: at(50), kind: 'song' })
  expect((await ids('album', 'playCount', all)).slice(0, 1)).toEqual(['one'])
  expect((await ids('album', 'playedAt', all)).slice(0, 2)).toEqual(['two', 'one'])
  expect(await ids('album', 'playedAt', { count: 1, offset: 1 })).toEqual(['one'])
})
