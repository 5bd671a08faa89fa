import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { request } from '../cluster/http.ts'
import { jsonOf, put } from '../cluster/shares.ts'
import { TestCluster } from '../cluster/test-cluster.ts'
import { networkAddress as address, loadBy, clientsThere as there } from '../cluster/torrent-clients.ts'

const bytes = randomBytes(9_000_000)
let cluster: TestCluster
beforeAll(async () => {
  cluster = await TestCluster.start({
    mongoUrl: inject('mongoUrl'),
    fileServers: 2,
    managerEnvironment: { HOST: address ?? '127.0.0.1', ALLOW_ANONYMOUS: 'true' },
  })
})
afterAll(() => cluster?.[Symbol.asyncDispose]())

/** Stores a file. @returns the fields of its magnet link, each as it stands there */
async function magnetFieldsOf(file: string, query = ''): Promise<string[]> {
  const answer = await put(cluster.url, file, bytes)
  expect(answer.status).toBe(201)
  const { id } = jsonOf<{ id: string }>(answer)
  const magnet = (await request(`${cluster.url}/torrent/${id}?magnet${query}`)).body.toString().trim()
  return magnet.replace('magnet:?', '').split('&')
}

const magnetOf = (fields: readonly string[], ...wanted: string[]): string =>
  `magnet:?${fields.filter((field) => wanted.some((name) => field.startsWith(`${name}=`))).join('&')}`

if (address === undefined)
  console.error('NOT TESTED, for this machine has no address but its own: magnet links in BitTorrent clients')

describe.skipIf(address === undefined)('a stored file is downloaded while nobody else is online', () => {
  test.concurrent.each(there)('by %s from its info-hash and the tracker, with no web seed', async (name) => {
    const file = `magnet-for-${name}.bin`
    await loadBy(name, magnetOf(await magnetFieldsOf(file), 'xt', 'tr'), file, bytes)
  })

  // The others pass over x.pe and find the store by its tracker.
  test.concurrent.each(there.filter((name) => name === 'webtorrent' || name === 'libtorrent'))(
    'by %s from its info-hash and the address of the store as a peer, with no tracker',
    async (name) => {
      const file = `peer-for-${name}.bin`
      await loadBy(name, magnetOf(await magnetFieldsOf(file), 'xt', 'x.pe'), file, bytes)
    },
  )
})
