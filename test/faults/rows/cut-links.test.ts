import { randomBytes } from 'node:crypto'
import { expect, inject } from 'vitest'
import { waitUntil } from '../../cluster/wait-until.ts'
import { testInFull } from '../../full-run.ts'
import type { Direction } from '../chaos-proxy-lane.ts'
import { WireMessages } from '../chaos-proxy-messages.ts'
import { checkCluster } from '../check/check-cluster.ts'
import { ProxiedCluster } from '../cluster/proxied-cluster.ts'
import { RecordedClient } from '../load/recorded-client.ts'

const KIB = 1024
/** They travel as three frames of base64. */
const bytes = randomBytes(500 * KIB)
/** Links are cut at each border and on both sides of it. */
const around = [-1, 0, 1]

/** Notes what passes in one direction, and where each of its messages ends. */
class Borders {
  readonly ends: number[] = []
  #passedBytes = 0

  readonly rewrite = () => {
    const messages = new WireMessages()
    return (piece: Buffer): readonly Buffer[] => {
      for (const message of messages.take(piece)) {
        this.#passedBytes += message.bytes.length
        this.ends.push(this.#passedBytes)
      }
      return [piece]
    }
  }

  /** Starts anew. */
  reset(): void {
    this.ends.length = 0
    this.#passedBytes = 0
  }
}

testInFull.each<[string, Direction]>([
  ['commands', 'toClient'],
  ['acks and downloads', 'toTarget'],
])(
  'row 22, invariants 2 and 5: a link that is cut at any border of its %s, a byte before or after, leaves whole files or nothing',
  async (_what, direction) => {
    const borders = new Borders()
    await using cluster = await ProxiedCluster.start({ mongoUrl: inject('mongoUrl'), fileServers: 1 }, (proxy) =>
      proxy.rewrite(direction, borders.rewrite),
    )
    const { faults } = cluster
    const [proxy] = cluster.proxies
    if (proxy === undefined) throw new Error('no proxy')
    using client = new RecordedClient(faults.cluster.url)
    const round = async (name: string): Promise<number[]> => {
      const uploaded = await client.upload(name, bytes)
      const read = uploaded === 201 ? await client.download(name) : 0
      return [uploaded, read, uploaded === 201 ? await client.remove(name) : 0]
    }
    borders.reset()
    expect(await round('whole')).toEqual([201, 200, 200])
    const cuts = borders.ends.flatMap((end) => around.map((offset) => end + offset))
    expect(cuts.length).toBeGreaterThanOrEqual(7 * around.length)
    let cutCount = 0
    for (const [index, cut] of cuts.entries()) {
      await waitUntil('the file-server is connected', async () => (await faults.cluster.activeNodes()).length === 1)
      // A cut that a round does not come to takes the place of none, because the next round has its own.
      void proxy.cutAfter(direction, cut).then(() => cutCount++)
      for (const status of await round(`cut/${index}`)) expect([0, 200, 201, 503]).toContain(status)
    }
    await faults.cluster.settled()
    expect(await checkCluster(faults.view, client.history.operations)).toEqual([])
    expect(cutCount).toBeGreaterThan(cuts.length / 2)
  },
  240_000,
)
