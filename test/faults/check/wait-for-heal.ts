import { waitUntil } from '../../cluster/wait-until.ts'
import type { ClusterView } from './check-cluster.ts'
import { describeLack, expectCopies, keyOf, type PlacedFile } from './compare-disks.ts'
import { lookAtDisks } from './disk-picture.ts'
import { openRecords } from './records.ts'

const DEADLINE_MS = 90_000

/**
 * Waits until every chunk has its replicas, on the records and on the disks. It may be asked under load: what changes while
 * the disks are looked at is left out.
 */
export async function waitForHeal({ mongoUrl, directories }: ClusterView, deadlineMs = DEADLINE_MS): Promise<void> {
  await using records = await openRecords(mongoUrl)
  const isHealed = async (): Promise<true | string[]> => {
    const before = (await records.read()).filter(({ state }) => state === 'live')
    const found = new Set((await lookAtDisks(directories)).files.map(keyOf))
    const after = new Map((await records.read()).map((record) => [String(record._id), placesOf(record)]))
    const still = before.filter((record) => after.get(String(record._id)) === placesOf(record))
    const missing = [...expectCopies(still).keys()].filter((key) => !found.has(key))
    const lacks = still.flatMap((record) => describeLack(record).map((lack) => `${record.name} ${lack}`))
    const wrong = [...lacks, ...missing]
    return wrong.length === 0 || wrong.slice(0, 5)
  }
  await waitUntil('every chunk has its replicas', isHealed, deadlineMs)
}

function placesOf({ state, short, chunks }: PlacedFile): string {
  return JSON.stringify([state, short, chunks?.map(({ replicas, leaving }) => [replicas, leaving])])
}
