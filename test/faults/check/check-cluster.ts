import { setTimeout as delay } from 'node:timers/promises'
import { waitUntil } from '../../cluster/wait-until.ts'
import { type Operation, tellStory } from '../load/history.ts'
import { LightClient } from '../load/light-client.ts'
import { Random } from '../seed.ts'
import { compareDisks, expectCopies, keyOf } from './compare-disks.ts'
import { digestOf, lookAtDisks } from './disk-picture.ts'
import { type Content, findContradictions, judgeHistory } from './model.ts'
import { openRecords } from './records.ts'

/** It covers the grace of orphans, the end of a dead manager's lease, and a few rounds of upkeep. */
const UPKEEP_DEADLINE_MS = 90_000
/** Thousands of copies may have to move once file-servers have come back all at once. */
const REBALANCE_DEADLINE_MS = 300_000
/** Rebalancing that moves nothing for so long is not waited for. */
const MOVE_PATIENCE_MS = 10_000
const HASH_DEADLINE_MS = 60_000
const READERS = 8
/** More problems of one kind would say no more. */
const SHOWN = 20

/** `GET /upkeep` answers with more than this. */
interface UpkeepStatus {
  readonly loops: readonly { readonly name: string; readonly done: number; readonly remaining: number | null }[]
}

export interface ClusterView {
  readonly urls: readonly string[]
  /** The address names the database too. */
  readonly mongoUrl: string
  readonly directories: readonly string[]
  /** Where it is given, this directory holds them and nothing else. */
  readonly parent?: string
}

/**
 * Compares a healed cluster, to which nobody writes, with what its clients were told: it judges the history, reads
 * every file back, and holds the disks against the records.
 * @returns what contradicts the promises, one sentence each
 */
export async function checkCluster(view: ClusterView, operations: readonly Operation[]): Promise<string[]> {
  const verdicts = judgeHistory(operations)
  const wrong = await readBack(view.urls, verdicts)
  const left = await waitForUpkeep(view)
  // A second reading shows whether upkeep took, or brought back, what was not its to take.
  const wrongAfterUpkeep = await readBack(view.urls, verdicts)
  return [
    ...findContradictions(operations),
    ...wrong.map(({ name, reads }) => `${name}: reads ${reads}: ${tellStory(operations, name)}`),
    ...wrongAfterUpkeep.map(({ name, reads }) => `${name}: after upkeep reads ${reads}`),
    ...left.slice(-SHOWN),
    // Where copies are missing there is no point in waiting for all to be hashed.
    ...(left.length === 0 ? await checkBytes(view) : []),
  ].slice(0, SHOWN)
}

/** Reads every name, and compares it with what it may hold. */
async function readBack(
  urls: readonly string[],
  verdicts: ReadonlyMap<string, ReadonlySet<Content>>,
): Promise<{ readonly name: string; readonly reads: string }[]> {
  const wrong: { name: string; reads: string }[] = []
  using client = new LightClient()
  const waiting = [...verdicts]
  const random = new Random('read back')
  const read = async (): Promise<void> => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const [name, mayHold] = next
      if (mayHold.size === 0) continue
      const askedAt = performance.now()
      const { status, sha256 } = await client.download(random.pick(urls), name)
      const tookMs = Math.round(performance.now() - askedAt)
      const holds = status === 200 ? sha256 : status === 404 ? null : undefined
      if (holds !== undefined && mayHold.has(holds)) continue
      const wanted = [...mayHold].map((content) => content?.slice(0, 8) ?? 'nothing').join(' or ')
      wrong.push({ name, reads: `${status} ${sha256.slice(0, 8)} after ${tookMs} ms where it may hold ${wanted}` })
    }
  }
  await Promise.all(Array.from({ length: READERS }, read))
  return wrong
}

/** @returns what upkeep has not put right in time. */
async function waitForUpkeep({ urls, mongoUrl, directories, parent }: ClusterView): Promise<string[]> {
  let problems: string[] = []
  await using records = await openRecords(mongoUrl)
  await records.endKeeping()
  const isClean = async (): Promise<true | number> => {
    const before = await records.read()
    const picture = await lookAtDisks(directories, parent)
    problems = [...picture.problems, ...compareDisks(before, picture.files, picture.servers)]
    return problems.length === 0 || problems.length
  }
  try {
    await waitForRebalance(urls)
    await waitUntil('the disks hold what the records name, and nothing else', isClean, UPKEEP_DEADLINE_MS)
    return []
  } catch (error) {
    if (problems.length === 0) throw error
    return [...problems, ...(await tellUpkeep(urls))]
  }
}

/** Waits while copies are moved. Each move leaves one to delete, so the disks are at rest only after the last. */
async function waitForRebalance([url]: readonly string[]): Promise<void> {
  const endAt = performance.now() + REBALANCE_DEADLINE_MS
  let doneBefore: number | undefined
  while (performance.now() < endAt) {
    const response = await fetch(`${url}/upkeep`)
    // It is null before any manager has begun with upkeep.
    const status = (await response.json()) as UpkeepStatus | null
    const rebalance = status?.loops.find(({ name }) => name === 'rebalance')
    if (rebalance === undefined || rebalance.remaining === 0 || rebalance.done === doneBefore) return
    doneBefore = rebalance.done
    await delay(MOVE_PATIENCE_MS)
  }
}

/** @returns what explains problems, where upkeep is not at its end */
async function tellUpkeep([url]: readonly string[]): Promise<string[]> {
  const response = await fetch(`${url}/upkeep`).catch(() => null)
  return response === null ? [] : [`upkeep says: ${await response.text()}`]
}

/** Hashes every copy of every file. Its name on disk, its record and its bytes have to agree. */
async function checkBytes({ mongoUrl, directories }: ClusterView): Promise<string[]> {
  await using records = await openRecords(mongoUrl)
  const hashed = new Set<string>()
  const wrong: string[] = []
  // Upkeep may still move files about, so one that has gone from where it was seen is looked for again.
  const areHashed = async (): Promise<true | number> => {
    const expected = expectCopies(await records.read())
    for (const file of (await lookAtDisks(directories)).files) {
      const key = keyOf(file)
      const copy = expected.get(key)
      if (copy === undefined || hashed.has(key)) continue
      const found = await digestOf(file.absolutePath)
      if (found === null) continue
      hashed.add(key)
      if (found.sha256 !== copy.sha256 || found.sizeBytes !== copy.sizeBytes)
        wrong.push(`${copy.name}: ${file.absolutePath} has other bytes than its record says`)
    }
    const left = [...expected.keys()].filter((key) => !hashed.has(key))
    return left.length === 0 || left.length
  }
  await waitUntil('every copy of the live files has been hashed', areHashed, HASH_DEADLINE_MS)
  return wrong
}
