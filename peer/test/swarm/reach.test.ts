import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { reachOf } from '../../src/swarm/reach.ts'

let server: Server
let port: number
let connections = 0
beforeEach(async () => {
  connections = 0
  server = createServer((_request, response) => {
    response.writeHead(302, { location: 'http://169.254.169.254/latest' }).end()
  })
  server.on('connection', () => connections++)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  ;({ port } = server.address() as AddressInfo)
})
afterEach(() => {
  vi.restoreAllMocks()
  server.closeAllConnections()
  server.close()
})

const forbidden = expect.objectContaining({
  cause: expect.objectContaining({ message: expect.stringContaining('is no public address') }),
})

test('nobody is reached at private addresses, however they are written, unless that is allowed', async () => {
  const { fetch, allows } = reachOf(false)
  for (const host of ['127.0.0.1', 'localhost', '2130706433', '[::ffff:7f00:1]', '0x7f.1'])
    await expect(fetch(`http://${host}:${port}/announce`)).rejects.toEqual(forbidden)
  expect(connections).toBe(0)
  expect(['127.0.0.1', '10.0.0.1', '::1', '169.254.169.254', '93.184.216.34'].map(allows)).toEqual([
    ...[false, false, false, false],
    true,
  ])
  const answer = await reachOf(true).fetch(`http://localhost:${port}/`, { redirect: 'manual' })
  expect(answer.status).toBe(302)
})

test("this machine's own public addresses and its neighbours of IPv6 are out of reach, and are read again", async () => {
  let own = { address: '93.184.216.34', cidr: '93.184.216.34/24' }
  const six = { address: '2606:2800:21f:1::5', cidr: '2606:2800:21f:1::5/64' }
  const list = () => ({ eth0: [own, six, { address: '2a00:1::1', cidr: null }] })
  const { allows, fetch } = reachOf(false, list)
  const refused = ['93.184.216.34', '::ffff:5db8:d822', '2606:2800:021f:1::9', '2a00:1::1']
  const allowed = ['93.184.216.35', '2606:2800:21f:2::5', '2a00:1::2']
  expect([...refused, ...allowed].filter(allows)).toEqual(allowed)
  await expect(fetch('http://93.184.216.34:8080/')).rejects.toMatchObject({
    cause: { message: expect.stringContaining("93.184.216.34 is in this machine's own network") },
  })
  expect(refused.every(reachOf(true, list).allows)).toBe(true)
  own = { address: '93.184.216.35', cidr: '93.184.216.35/24' }
  vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 11_000)
  expect(['93.184.216.34', '93.184.216.35'].filter(allows)).toEqual(['93.184.216.34'])
})

test('no redirection leads to where nobody may go', async () => {
  await expect(reachOf(true).fetch(`http://127.0.0.1:${port}/`)).rejects.toEqual(forbidden)
  expect(connections).toBe(1)
})
