import { randomBytes } from 'node:crypto'
import { expect, inject, test } from 'vitest'
import { waitUntil } from '../../cluster/wait-until.ts'
import { checkCluster } from '../check/check-cluster.ts'
import { ProxiedCluster } from '../cluster/proxied-cluster.ts'
import { tapCommands } from '../command-tap.ts'
import { RecordedClient } from '../load/recorded-client.ts'

/** What is larger than a part goes from one file-server to the other, and does not wait in the manager's memory. */
const TRANSFERRED_BYTES = 5_000_000
/** No ping waits as long as a minute. */
const FROZEN_MS = 60_000

test.each([
  ['source', 0],
  ['target', 1],
])(
  'row 19, invariants 1, 5 and 8: a file-server that stands still as the %s of a transfer and goes on after the manager has given it up does no harm',
  async (_role, frozenIndex) => {
    let onCommand: ((event: string) => void) | null = null
    const watch = (proxy: Parameters<typeof tapCommands>[0]): void =>
      tapCommands(proxy, ({ event }) => {
        onCommand?.(event)
        return undefined
      })
    const options = { mongoUrl: inject('mongoUrl'), fileServers: 1 }
    await using cluster = await ProxiedCluster.start(options, watch)
    const { cluster: members, view } = cluster.faults
    using client = new RecordedClient(members.url)
    for (let index = 0; index < 12; index++)
      expect(await client.upload(`moved/${index}`, randomBytes(TRANSFERRED_BYTES))).toBe(201)

    let isFrozen = false
    onCommand = (event) => {
      // The target is about to fetch a chunk from the source.
      if (isFrozen || event !== 'fetch-file') return
      isFrozen = true
      members.fileServers[frozenIndex]?.process.signal('SIGSTOP')
    }
    await cluster.addFileServer(watch)
    await waitUntil('it stands still in the middle of a transfer', () => isFrozen)
    const frozen = members.fileServers[frozenIndex]
    const frozenAt = performance.now()
    let during = 0
    do {
      // A client may get tired of waiting for it before it is passed over.
      const isPassedOver = (await members.activeNodes()).length === 1
      expect(isPassedOver ? [201] : [0, 201]).toContain(await client.upload(`during/${during++}`, randomBytes(20_000)))
    } while (performance.now() - frozenAt < FROZEN_MS)
    await waitUntil('it is given up', async () => (await members.activeNodes()).length === 1, 60_000)

    frozen?.process.signal('SIGCONT')
    await members.settled()
    expect(
      await checkCluster(
        { ...view, directories: members.fileServers.map((m) => m.directory) },
        client.history.operations,
      ),
    ).toEqual([])
  },
  300_000,
)
