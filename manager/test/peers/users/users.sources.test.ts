import { randomUUID } from 'node:crypto'
import { parseAddress } from '@holdfast/shared/node/address'
import { expect } from 'vitest'
import { testInFull } from '../../../../test/full-run.ts'
import { planSearch } from '../../../src/peers/users/search-terms.ts'
import { TrackRecords } from '../../../src/peers/users/track-records.ts'
import { UserRecords } from '../../../src/peers/users/user-records.ts'
import { checkIn, locate, publish, search } from '../../../src/peers/users/users.ts'
import { useDatabase } from '../../mongo/mongo-fixture.ts'

const used = useDatabase()

testInFull('somebody whom the asker can reach is found behind many whom he cannot', { timeout: 60_000 }, async () => {
  const deps = { users: new UserRecords(used.database), tracks: new TrackRecords(used.database) }
  await Promise.all([deps.users.prepare(), deps.tracks.prepare()])
  const file = { song: 'elise', artist: '', album: '', duration: null, year: null, fileSize: 5, checksum: randomUUID() }
  const share = async (ip: string): Promise<string> => {
    const address = parseAddress(ip)
    if (address === null) throw new Error('no address')
    await checkIn(deps, { address, port: 5_000, ids: null, gone: [] })
    return publish(deps, { address, port: 5_000 }, file)
  }
  const ids: string[] = []
  for (let user = 1; user <= 60; user++) ids.push(await share(`10.0.0.${user}`))
  const outside = { ip: '93.184.216.34', port: 5_000 }
  await share(outside.ip)

  expect(await locate(deps, ids[0] ?? '', 'public')).toMatchObject(outside)
  const plan = planSearch({ song: 'elise' })
  if (plan === null) throw new Error('no plan')
  const { found } = await search(deps, plan, { limit: 50, after: null }, 'public')
  expect(found.map(({ users }) => users)).toEqual([[outside]])
  const { found: near } = await search(deps, plan, { limit: 50, after: null }, 'private')
  expect(near.map(({ users }) => users.length)).toEqual([50])
})
