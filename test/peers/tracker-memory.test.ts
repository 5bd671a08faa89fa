import { randomBytes, randomInt } from 'node:crypto'
import { Agent, request as ask } from 'node:http'
import mongoose from 'mongoose'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { bdecode } from '../cluster/bdecode.ts'
import { request } from '../cluster/http.ts'
import { peakBytes, residentBytes } from '../cluster/process-measures.ts'
import { TestCluster } from '../cluster/test-cluster.ts'
import { announceRequest, connectRequest, UdpTrackerClient } from '../cluster/udp-tracker-client.ts'
import { countOf, testInFull } from '../full-run.ts'

const MIB = 1024 ** 2
/** A manager has this much for whatever else it does, and for swarms that have no more peers than these have. */
const PEAK_LIMIT_BYTES = 640 * MIB
const HASHES = 1_000_000
const FUZZED = countOf(100_000, 5_000)
const CLIENTS = 64

let cluster: TestCluster
beforeAll(async () => {
  const managerEnvironment = { TRACKER_OPEN: 'true' }
  cluster = await TestCluster.start({ mongoUrl: inject('mongoUrl'), fileServers: 0, managerEnvironment })
})
afterAll(async () => {
  if (cluster?.mongoUrl === undefined) return
  await cluster?.[Symbol.asyncDispose]()
  // A million peers are too many to be left in the memory of this machine.
  const connection = await mongoose.createConnection(cluster.mongoUrl).asPromise()
  await connection.dropDatabase()
  await connection.close()
})

const escaped = (bytes: Buffer) => bytes.toString('hex').replace(/../g, '%$&')
const targetOf = (infoHash: Buffer, port: number) =>
  `/announce?info_hash=${escaped(infoHash)}&peer_id=${'x'.repeat(20)}&port=${port}&left=1`

/** Announces in a swarm and @returns how many peers it has then */
async function sizeOf(infoHash: Buffer, port: number): Promise<number> {
  const { complete, incomplete } = bdecode((await request(`${cluster.url}${targetOf(infoHash, port)}`)).body)
  return complete + incomplete
}

/** Has several clients do something, one thing after the other each. */
async function allDo(count: number, work: (client: number) => Promise<() => Promise<void>>): Promise<void> {
  let left = count
  const client = async (number: number): Promise<void> => {
    const once = await work(number)
    while (left-- > 0) await once()
  }
  await Promise.all(Array.from({ length: CLIENTS }, (_, number) => client(number)))
}

async function announceOverUdp(count: number): Promise<void> {
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => UdpTrackerClient.open(cluster.url)))
  await allDo(count, async (number) => {
    const client = clients[number] as UdpTrackerClient
    let [id, connectedAt] = [await client.connect(), performance.now()]
    return async () => {
      if (performance.now() - connectedAt > 50_000) [id, connectedAt] = [await client.connect(), performance.now()]
      await client.ask(announceRequest(id, randomBytes(20)))
    }
  })
  for (const client of clients) client[Symbol.dispose]()
}

async function announceOverHttp(count: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS })
  await allDo(count, async () => () => {
    return new Promise((resolve, reject) => {
      const asked = ask(`${cluster.url}${targetOf(randomBytes(20), 6_881)}`, { agent }, (response) =>
        response.resume().on('end', resolve),
      )
      asked.on('error', reject).end()
    })
  })
  agent.destroy()
}

testInFull(
  `${HASHES} random info-hashes over UDP, and as many over HTTP, leave the memory bounded and nobody forgotten`,
  async () => {
    const pid = cluster.managers[0]?.process.pid ?? 0
    const known = randomBytes(20)
    expect(await sizeOf(known, 1)).toBe(1)
    const figures: Record<string, string> = {}
    for (const [name, announce] of Object.entries({ UDP: announceOverUdp, HTTP: announceOverHttp })) {
      const startedAt = performance.now()
      await announce(HASHES)
      const rate = HASHES / ((performance.now() - startedAt) / 1000)
      const resident = (await residentBytes(pid)) / MIB
      figures[name] = `${rate.toFixed(0)} announces/s, ${resident.toFixed(0)} MiB after them`
    }
    const peak = await peakBytes(pid)
    console.info(figures, `${(peak / MIB).toFixed(0)} MiB at most`)
    expect(peak).toBeLessThan(PEAK_LIMIT_BYTES)
    expect(await sizeOf(known, 2)).toBe(2)
    const { managers } = JSON.parse((await request(`${cluster.url}/tracker/stats`)).body.toString())
    expect(managers[0].swarms).toBeLessThanOrEqual(25_000)
    expect(managers[0].announces.udp + managers[0].announces.http).toBeGreaterThan(HASHES)
  },
  3_600_000,
)

test(`${FUZZED} datagrams of any kind bring a source no more than it has sent, and the tracker answers on`, async () => {
  using client = await UdpTrackerClient.open(cluster.url)
  // Nobody ever gave it this id.
  const announce = announceRequest(randomBytes(8), randomBytes(20))
  const templates = [connectRequest(), announce, Buffer.concat([connectRequest().subarray(0, 8), announce.subarray(8)])]
  for (let number = 0; number < FUZZED; number++) {
    const datagram = Buffer.from(templates[number % 4] ?? randomBytes(randomInt(200)))
    for (let flips = randomInt(4); flips > 0 && datagram.length > 0; flips--)
      datagram[randomInt(datagram.length)] = randomInt(256)
    client.send(datagram.subarray(0, randomInt(4) === 0 ? randomInt(datagram.length + 1) : datagram.length))
    // Otherwise the system would drop most of them.
    if (number % CLIENTS === 0) await client.ask(connectRequest())
  }
  await client.ask(connectRequest())
  expect(client.receivedBytes).toBeGreaterThan(0)
  expect(client.receivedBytes).toBeLessThanOrEqual(client.sentBytes)
  const id = await client.connect()
  expect((await client.ask(announceRequest(id, randomBytes(20)))).readUInt32BE(0)).toBe(1)
  expect(cluster.managers[0]?.process.isRunning).toBe(true)
}, 600_000)
