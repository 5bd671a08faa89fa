import { randomBytes } from 'node:crypto'
import { expect, inject } from 'vitest'
import { copiesIn } from '../../cluster/disk.ts'
import { waitUntil } from '../../cluster/wait-until.ts'
import { testInFull } from '../../full-run.ts'
import { runCampaign } from '../campaign.ts'
import { checkCluster } from '../check/check-cluster.ts'
import type { FaultCluster } from '../cluster/fault-cluster.ts'
import { ProxiedCluster } from '../cluster/proxied-cluster.ts'
import { CommandLog, tapCommands } from '../command-tap.ts'
import { RecordedClient } from '../load/recorded-client.ts'
import { runSeed } from '../seed.ts'

const mongoUrl = inject('mongoUrl')
const check = ({ view }: FaultCluster, client: RecordedClient) => checkCluster(view, client.history.operations)
/** A late command comes after so many others. */
const LATE_AFTER = 40

testInFull(
  'row 26, invariants 5 and 6: half of all commands arrive twice, at once or late and out of order, and have the effect of one',
  async () => {
    const random = runSeed.fork('duplicates').random()
    let duplicateCount = 0
    await using cluster = await ProxiedCluster.start({ mongoUrl, fileServers: 2 }, (proxy) => {
      const late: Buffer[] = []
      tapCommands(proxy, ({ bytes }) => {
        const copy = Buffer.from(bytes)
        const due = late.length > LATE_AFTER ? late.splice(random.integer(0, late.length - 1), 1) : []
        if (random.isTrue(0.5)) {
          duplicateCount++
          if (random.isTrue(0.5)) return [copy, copy, ...due]
          late.push(copy)
        }
        return [copy, ...due]
      })
    })
    const { violations, indeterminateCount, ackedCount } = await runCampaign({
      kind: 'duplicated commands',
      faultCount: 1,
      seed: runSeed.fork('duplicates'),
      cluster: cluster.faults,
      strike: async (_cluster, _random, load) => load.isServed(400),
    })
    expect(violations).toEqual([])
    expect(duplicateCount).toBeGreaterThan(ackedCount / 4)
    // Nothing is refused because of a duplicate.
    expect(indeterminateCount).toBe(0)
  },
  120_000,
)

testInFull(
  'row 27, invariant 7: old commands that come again after a delete and a new upload of the name change nothing',
  async () => {
    const log = new CommandLog()
    await using cluster = await ProxiedCluster.start({ mongoUrl, fileServers: 1 }, (proxy) =>
      tapCommands(proxy, log.tap),
    )
    const { faults, proxies } = cluster
    const member = faults.cluster.fileServers[0]
    const copies = () => copiesIn([member?.directory ?? ''])
    using client = new RecordedClient(faults.cluster.url)
    const sizes = [2_000, 1_500_000]
    const generation = async (): Promise<void> => {
      for (const size of sizes) expect(await client.upload(`again/${size}`, randomBytes(size))).toBe(201)
    }
    /**
     * A new command may take the ack of an old one for its own, and cost a 503, but never wrong bytes, and not for ever.
     */
    const areReadable = async (): Promise<void> => {
      for (const size of sizes) {
        await waitUntil('it is read', async () => (await client.download(`again/${size}`)) === 200)
      }
    }
    await generation()
    for (const size of sizes) expect(await client.remove(`again/${size}`)).toBe(200)
    await waitUntil('the first generation is gone', async () => (await copies()).length === 0)
    const old = log.named('commands', 'open-upload', 'upload-frame', 'upload-end')
    // They are a stream of four frames, and small bodies and deletes, which travel in groups.
    expect(old.length).toBeGreaterThanOrEqual(8)
    // The slots and the names are the same, and only the copyIds differ.
    await generation()
    const before = [...(await copies())].sort()
    for (const command of [...old, ...[...old].reverse()]) proxies[0]?.inject('toClient', command)
    await areReadable()
    expect([...(await copies())].sort()).toEqual(before)
    // A file-server that was restarted remembers no commands, and upkeep takes away again what it makes of them.
    await member?.process.kill()
    await faults.cluster.restartFileServer(0)
    await faults.cluster.settled()
    for (const command of old) proxies[0]?.inject('toClient', command)
    await areReadable()
    expect(await check(faults, client)).toEqual([])
    expect([...(await copies())].sort()).toEqual(before)
  },
  120_000,
)

testInFull(
  'row 25, invariant 5: while commands arrive and no ack comes back, uploads go elsewhere and deletes hold, and in the end each file has one copy',
  async () => {
    await using cluster = await ProxiedCluster.start({ mongoUrl, fileServers: 2 })
    const { faults, proxies } = cluster
    using client = new RecordedClient(faults.cluster.url)
    for (let index = 0; index < 20; index++)
      expect(await client.upload(`before/${index}`, randomBytes(2_000))).toBe(201)
    const [first] = proxies
    const directory = faults.cluster.fileServers[0]?.directory ?? ''
    const heldBefore = (await copiesIn([directory])).length
    first?.hold('toTarget')
    const uploads = Array.from({ length: 12 }, (_, index) => client.upload(`during/${index}`, randomBytes(20_000)))
    const deletes = Array.from({ length: 20 }, (_, index) => client.remove(`before/${index}`))
    expect(await Promise.all(deletes)).toEqual(deletes.map(() => 200))
    await waitUntil('the deaf one has carried out its deletes, and stored what it was sent', async () => {
      const copies = await copiesIn([directory])
      return copies.length < heldBefore && copies.some((path) => !path.endsWith('.part'))
    })
    first?.cut()
    expect(await Promise.all(uploads)).toEqual(uploads.map(() => 201))
    await faults.cluster.settled()
    for (let index = 0; index < 12; index++) expect(await client.download(`during/${index}`)).toBe(200)
    expect(await check(faults, client)).toEqual([])
  },
  120_000,
)
