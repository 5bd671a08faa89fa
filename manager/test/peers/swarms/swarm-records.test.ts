import { randomBytes } from 'node:crypto'
import { mongo } from 'mongoose'
import { expect, test } from 'vitest'
import { testInFull } from '../../../../test/full-run.ts'
import { SwarmRecords } from '../../../src/peers/swarms/swarm-records.ts'
import { useDatabase } from '../../mongo/mongo-fixture.ts'

const used = useDatabase()
const hash = (digit: string) => digit.repeat(40)

test('swarms that nobody registered take no place from those that somebody does, and both are bounded', async () => {
  const records = new SwarmRecords(used.database, { registered: 4, others: 2 })
  await records.prepare()
  const keptUntil = Date.now() + 60_000
  const complete = (digit: string) => records.writeSwarms([{ hash: hash(digit), completed: 1, keptUntil }])
  for (const digit of ['1', '2', '3', '1']) await complete(digit)
  const counts = async () => (await records.read(['1', '2', '3'].map(hash))).map(({ downloaded }) => downloaded)
  expect(await counts()).toEqual([2, 1, 0])

  for (const digit of ['4', '5']) await records.allow(hash(digit), keptUntil)
  await expect(records.allow(hash('6'), keptUntil)).rejects.toMatchObject({ name: 'TOO_MANY_REQUESTS' })
  // One that has a place already is registered in it.
  await records.allow(hash('1'), keptUntil)
  await complete('4')
  expect(await records.read(['1', '4', '6'].map(hash))).toMatchObject([
    { isAllowed: true, downloaded: 2 },
    { isAllowed: true, downloaded: 1 },
    { isAllowed: false, downloaded: 0 },
  ])
})

testInFull('a quiet swarm is read whole beside busy ones that have more than 20,000 peers', async () => {
  const records = new SwarmRecords(used.database)
  await records.prepare()
  const newHash = () => randomBytes(20).toString('hex')
  const [quiet, crowded, busy] = [newHash(), newHash(), Array.from({ length: 60 }, newHash)]
  const peer = (hash: string, number: number, lifeMs: number) => ({
    _id: `${hash}0a00${number.toString(16).padStart(4, '0')}1ae1`,
    ...{ hash, peerId: new mongo.Binary(Buffer.alloc(20)), isSeed: true, expiresAt: new Date(Date.now() + lifeMs) },
  })
  const some = (hash: string, count: number) =>
    Array.from({ length: count }, (_, n) => peer(hash, n, 600_000 + 100 * n))
  await used.database.connection
    .collection<{ _id: string }>('swarm_peers')
    .insertMany([...busy.flatMap((hash) => some(hash, 400)), ...some(crowded, 2_100), peer(quiet, 1, 300_000)])
  const found = await records.read([quiet, crowded, ...busy])
  expect(found.map(({ peers }) => peers.length)).toEqual([1, 2_000, ...busy.map(() => 400)])
  expect((await records.read([crowded])).map(({ peers }) => peers.length)).toEqual([2_000])
  // Those that announced last, the last one at the end.
  const addresses = [0, -1].map((at) =>
    Buffer.from(found[1]?.peers.at(at)?.key ?? '', 'latin1')
      .subarray(0, 4)
      .join('.'),
  )
  expect(addresses).toEqual(['10.0.0.100', '10.0.8.51'])
})
