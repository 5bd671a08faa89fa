import type { CopyId, ServerId, Slot } from '@holdfast/shared/ids'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Replica } from '../../../src/chunks/chunk.ts'
import { type Circumstances, goodReplicas, planReplication } from '../../../src/upkeep/replicate/plan-replicate.ts'

const idOf = (number: number) => number.toString(16).padStart(16, '0') as ServerId
let copyCount = 0
const on = (server: number, bad?: Replica['bad']): Replica => ({
  ...{ server: idOf(server), slot: 0 as Slot, copyId: (copyCount++).toString(16).padStart(40, '0') as CopyId },
  ...(bad !== undefined && { bad }),
})
const viewOf = (number: number, fields: object = {}) => ({
  ...{ id: idOf(number), zone: idOf(number), isActive: true, isWritable: true, isSilent: false },
  ...{ copyCount: number, roomBytes: 1e9 },
  ...fields,
})
const around = (fields: Partial<Circumstances> = {}): Circumstances => ({
  ...{ replicas: 2, servers: [0, 1, 2, 3].map((number) => viewOf(number)) },
  ...{ lost: new Set<ServerId>(), kept: new Set<ServerId>(), zones: new Map<ServerId, string>(), ...fields },
})
const chunkOf = (...replicas: Replica[]) => ({ size: 100, replicas })
const lost = (...numbers: number[]) => ({ lost: new Set(numbers.map(idOf)) })

test('a chunk that has its replicas is left alone, also while one of their file-servers is away for a moment', () => {
  expect(planReplication(chunkOf(on(0), on(1)), around())).toEqual({ kind: 'whole' })
  expect(planReplication(chunkOf(on(0), on(9)), around())).toEqual({ kind: 'whole' })
})

test('what a lost file-server had is copied from a good replica to one that has none, and leaves', () => {
  const [gone, good] = [on(0), on(1)]
  expect(planReplication(chunkOf(gone, good), around(lost(0)))).toEqual({
    ...{ kind: 'heal', sources: [good], targets: [idOf(2)], staying: [good], dropped: [gone] },
  })
})

test('another zone is chosen while there is one, and the same one where there is none', () => {
  const zoned = (...zones: string[]) => zones.map((zone, number) => viewOf(number, { zone }))
  const target = (servers: Circumstances['servers']) => {
    const plan = planReplication(chunkOf(on(0)), around({ servers }))
    return plan.kind === 'heal' ? plan.targets : plan.kind
  }
  expect(target(zoned('a', 'a', 'a', 'b'))).toEqual([idOf(3)])
  expect(target(zoned('a', 'a', 'a'))).toEqual([idOf(1)])
})

test('a chunk whose replicas share a zone gets one in another, and of the three those stay that are spread', () => {
  const servers = ['a', 'a', 'b'].map((zone, number) => viewOf(number, { zone }))
  const [first, second] = [on(0), on(1)]
  const plan = planReplication(chunkOf(first, second), around({ servers }))
  expect(plan).toMatchObject({ kind: 'heal', targets: [idOf(2)], staying: [first, second], dropped: [] })
  const third = on(2)
  expect(planReplication(chunkOf(first, second, third), around({ servers }))).toMatchObject({
    ...{ kind: 'heal', targets: [], staying: [first, third], dropped: [second] },
  })
  expect(planReplication(chunkOf(first, third), around({ servers }))).toEqual({ kind: 'whole' })
  expect(planReplication(chunkOf(first, second), around({ servers: servers.slice(0, 2) }))).toEqual({ kind: 'whole' })
})

test('where every other file-server is taken, the one with the bad replica gets a new one', () => {
  const [good, bad] = [on(0), on(1, 'damaged')]
  const servers = [viewOf(0), viewOf(1)]
  expect(planReplication(chunkOf(good, bad), around({ servers }))).toMatchObject({
    ...{ kind: 'heal', targets: [idOf(1)], dropped: [bad] },
  })
})

test('nothing of a file-server is dropped that misses an unlikely share', () => {
  const chunk = chunkOf(on(0, 'missing'), on(1))
  const kept = new Set([idOf(0)])
  expect(planReplication(chunk, around({ kept }))).toMatchObject({ kind: 'heal', targets: [idOf(2)], dropped: [] })
  expect(planReplication(chunkOf(...chunk.replicas, on(2)), around({ kept }))).toEqual({ kind: 'whole' })
})

test('a chunk without a replica that counts is unrecoverable, one whose last is away waits for it', () => {
  expect(planReplication(chunkOf(on(9, 'damaged'), on(8)), around(lost(8)))).toEqual({ kind: 'unrecoverable' })
  expect(planReplication(chunkOf(on(0, 'damaged'), on(9)), around())).toMatchObject({ kind: 'stuck' })
})

test('where no replica counts the bad ones that are there are tried, and nothing is dropped', () => {
  const [bad, gone] = [on(0, 'damaged'), on(9)]
  expect(planReplication(chunkOf(bad, gone), around(lost(9)))).toEqual({
    ...{ kind: 'heal', sources: [bad], targets: [idOf(1), idOf(2)], staying: [], dropped: [] },
  })
})

test('of three replicas those stay that are spread, on file-servers that are there', () => {
  const servers = ['a', 'a', 'b'].map((zone, number) => viewOf(number, { zone }))
  const [first, second, third] = [on(0), on(1), on(2)]
  const plan = planReplication(chunkOf(first, second, third), around({ servers }))
  expect(plan).toMatchObject({ kind: 'heal', targets: [], staying: [first, third], dropped: [second] })
  // The two that stay cannot be verified.
  expect(planReplication(chunkOf(first, on(8), on(9)), around({ servers }))).toMatchObject({ kind: 'stuck' })
})

const zoneOf = (id: ServerId, { servers }: Circumstances) => servers.find((server) => server.id === id)?.zone
const spreadOf = (replicas: readonly Replica[], circumstances: Circumstances): number =>
  new Set(replicas.map(({ server }) => zoneOf(server, circumstances))).size

/** @returns in how many zones the replicas could be, with some more where a file-server takes them */
function reachableSpread(replicas: readonly Replica[], circumstances: Circumstances): number {
  const { servers, kept } = circumstances
  // What a file-server may keep for now can be more than there should be, and then nothing is widened.
  if (kept.size > 0) return 0
  const takers = servers.filter(({ isActive, isWritable }) => isActive && isWritable).map(({ zone }) => zone)
  const zones = new Set([...takers, ...replicas.map(({ server }) => zoneOf(server, circumstances))])
  return Math.min(zones.size, circumstances.replicas)
}

test('invariant 8: whatever a chunk has, the plans end, and no good replica leaves before enough others stay', () => {
  const replica = fc.record({
    server: fc.nat(7),
    bad: fc.option(fc.constantFrom('damaged' as const, 'missing' as const), { nil: undefined, freq: 3 }),
  })
  const server = fc.record({ isActive: fc.boolean(), isWritable: fc.boolean(), zone: fc.constantFrom('a', 'b', 'c') })
  const drawn = fc.record({
    replicas: fc.array(replica, { maxLength: 6 }),
    servers: fc.array(server, { minLength: 1, maxLength: 8 }),
    wanted: fc.integer({ min: 1, max: 4 }),
    lost: fc.uniqueArray(fc.nat(7), { maxLength: 3 }),
    kept: fc.uniqueArray(fc.nat(7), { maxLength: 2 }),
  })
  const property = fc.property(drawn, ({ replicas, servers, wanted, lost: gone, kept }) => {
    const circumstances = around({
      replicas: wanted,
      servers: servers.map((fields, number) => viewOf(number, fields)).filter((_, number) => !gone.includes(number)),
      ...lost(...gone),
      kept: new Set(kept.map(idOf)),
    })
    let chunk = chunkOf(...replicas.map((one) => on(one.server, one.bad)))
    const before = goodReplicas(chunk, circumstances.lost).length
    for (let round = 0; ; round++) {
      // Healed, what is bad dropped, widened, what is too much dropped.
      expect(round).toBeLessThanOrEqual(4)
      const plan = planReplication(chunk, circumstances)
      if (plan.kind !== 'heal') {
        const after = goodReplicas(chunk, circumstances.lost)
        expect(after.length).toBeGreaterThanOrEqual(Math.min(before, wanted))
        if (plan.kind === 'whole' && chunk.replicas.length > 0) {
          expect(after.length).toBeGreaterThanOrEqual(wanted)
          if (after.every((one) => circumstances.servers.some(({ id, isActive }) => id === one.server && isActive)))
            expect(spreadOf(after, circumstances)).toBeGreaterThanOrEqual(reachableSpread(after, circumstances))
        }
        return
      }
      const staying = [...plan.staying.map((one) => one.server), ...plan.targets]
      expect(new Set(staying).size).toBe(staying.length)
      const views = circumstances.servers.filter(({ isActive }) => isActive).map(({ id }) => id)
      const verifiable = staying.filter((id) => views.includes(id))
      if (plan.dropped.length > 0) expect(verifiable.length).toBeGreaterThanOrEqual(wanted)
      expect(plan.dropped.some((one) => circumstances.kept.has(one.server))).toBe(false)
      expect(plan.targets.length + plan.dropped.length).toBeGreaterThan(0)
      const left = chunk.replicas.filter((one) => !plan.dropped.includes(one))
      chunk = chunkOf(...left, ...plan.targets.map((id) => on(Number.parseInt(id, 16))))
    }
  })
  fc.assert(property, { numRuns: 1_000 })
})
