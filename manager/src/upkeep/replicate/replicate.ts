import { toStoreError } from '@holdfast/shared/errors/store-error'
import type { ServerId } from '@holdfast/shared/ids'
import { failpoint } from '@holdfast/shared/node/failpoint'
import type { Logger } from '@holdfast/shared/node/logger'
import type { Chunk } from '../../chunks/chunk.ts'
import { discardCopies } from '../../chunks/writing/delete-copy.ts'
import { chunksOf, type Holder } from '../../files/file.model.ts'
import type { HolderRecords } from '../../files/holder-records.ts'
import { eachAtOnce } from '../each-at-once.ts'
import type { FileServerDirectory, KnownFileServer } from '../file-server-directory.ts'
import type { Lease } from '../lease.ts'
import type { Loop } from '../upkeep.ts'
import type { ChunkCounts } from './chunk-counts.ts'
import { type Candidate, type Change, type HealDeps, heal } from './heal.ts'
import { HoldersToHeal } from './holders-to-heal.ts'
import { LastResorts } from './last-resorts.ts'
import { type Circumstances, goodReplicas, planReplication } from './plan-replicate.ts'
import { RateMeter } from './rate-meter.ts'

const AT_ONCE = 8
/** The changes of so many chunks are written together, one update a holder. What is copied and not written yet is at stake. */
const GROUP = 256
/** After so many batches of which nothing could be helped the loop rests. */
const MAX_FRUITLESS = 8
/** A round begins no copy after so long, so that losses and what was marked meanwhile are looked at. */
const ROUND_MS = 5_000
/** What a file-server had that was lost so long ago is not waited for, unless it is all there is of a file. */
const GIVE_UP_AFTER_MS = 7 * 24 * 3_600_000
/** What is given up is looked for so often. */
const GIVE_UP_EVERY_MS = 3_600_000
const NO_COPY_LEFT = 'no sound copy is left'
const REQUEST_ID = 'replicate'

export interface ReplicateDeps extends HealDeps {
  readonly holders: HolderRecords
  readonly fileServers: Pick<FileServerDirectory, 'review' | 'forget'>
  readonly lease: Pick<Lease, 'isHeld' | 'heldMs'>
  readonly counts: Pick<ChunkCounts, 'lacking' | 'countSoon'>
  readonly log: Logger
}

export interface ReplicateSettings {
  readonly everyMs: number
  /** Every chunk of class `replicated` should have so many replicas. */
  readonly replicas: number
  /** A round begins no copy after so long, 5 s unless given. */
  readonly roundMs?: number
}

/** Counts what a round came to. */
interface Tally {
  changed: number
  /** Tells whether the last round was over before all of its batch was begun. */
  isCut: boolean
  /** Counts chunks by what stands in their way. */
  readonly waiting: Map<string, number>
}

/**
 * Makes the loop that brings every chunk of class `replicated` back to its number of replicas: the most endangered first,
 * throttled. A replica leaves a chunk's list only while enough others stay in it that were verified just now.
 */
export function replicator(deps: ReplicateDeps, settings: ReplicateSettings): Loop {
  const { holders, fileServers, lease, counts, log } = deps
  const toHeal = new HoldersToHeal(holders, settings.replicas)
  const lastResorts = new LastResorts()
  const givenUpAt = new Map<ServerId, number>()
  const meter = new RateMeter()
  let tally: Tally = { changed: 0, isCut: false, waiting: new Map() }
  let fruitlessCount = 0
  let doneCount = 0
  let stuck: string | undefined
  let isHealing = false

  const healNext = async (known: readonly KnownFileServer[], signal: AbortSignal): Promise<void> => {
    const lostAt = new Map(
      known.flatMap((server) => (server.isLost && server.lostAt ? [[server.id, server.lostAt]] : [])),
    )
    const lost = new Set(lostAt.keys())
    const kept = new Set(known.filter(({ missingShare }) => missingShare !== null).map(({ id }) => id))
    const zones = new Map(known.map(({ id, zone }) => [id, zone]))
    const circumstances = (): Circumstances => ({
      ...{ replicas: settings.replicas, servers: deps.registry.views(), lost, kept, zones },
    })
    const found = await toHeal.next(lostAt, () => tally.waiting.clear())
    const candidates = found
      .flatMap((holder) => candidatesOf(holder, circumstances()))
      .sort((a, b) => a.goodCount - b.goodCount)
    const before = tally.changed
    const endsAt = performance.now() + (settings.roundMs ?? ROUND_MS)
    const isOver = (): boolean => signal.aborted || !lease.isHeld || performance.now() >= endsAt
    const round: Round = { tally, meter, lastResorts, isOver, signal }
    const helped = new Set<Chunk>()
    tally.isCut = false
    for (let start = 0; start < candidates.length && !tally.isCut; start += GROUP) {
      const changes = await planAndCopy(deps, candidates.slice(start, start + GROUP), circumstances, round)
      doneCount += await writeChanges(deps, changes, tally)
      for (const { chunk, fresh } of changes) if (fresh.length > 0) helped.add(chunk)
      tally.isCut ||= isOver() && start + GROUP < candidates.length
    }
    sayUnrecoverable(
      log,
      candidates.filter(({ place }) => !helped.has(place.chunk)),
    )
    const withCandidates = new Set(candidates.map(({ holder }) => holder))
    const touched = found.filter((holder) => holder.short !== undefined || withCandidates.has(holder))
    await holders.settleShort(touched, { replicas: settings.replicas, lost: [...lost] })
    toHeal.noteSettled(tally.isCut)
    fruitlessCount = tally.changed > before || found.length === 0 ? 0 : fruitlessCount + 1
  }

  /** Has no record wait for what a file-server had that was lost long ago. */
  const giveUp = async ({ id, lostAt }: KnownFileServer): Promise<void> => {
    const now = performance.now()
    if (lostAt === null || Date.now() - lostAt.getTime() < GIVE_UP_AFTER_MS) return
    if (now - (givenUpAt.get(id) ?? Number.NEGATIVE_INFINITY) < GIVE_UP_EVERY_MS) return
    givenUpAt.set(id, now)
    await holders.removals.giveUpCopiesOn(id)
  }

  const forgetLost = async (known: readonly KnownFileServer[]): Promise<void> => {
    const lost = known.filter((server) => server.isLost)
    for (const id of givenUpAt.keys()) if (!lost.some((server) => server.id === id)) givenUpAt.delete(id)
    for (const server of lost) {
      const { id, name } = server
      await giveUp(server)
      if ((await holders.removals.namesCopyOn(id)) || !(await fileServers.forget(id))) continue
      log.info({ serverId: id, name }, 'lost file-server forgotten: no record names a copy on it')
    }
  }

  const endPass = async (known: readonly KnownFileServer[]): Promise<void> => {
    stuck = tally.changed > 0 ? undefined : whyStuck(tally)
    if (isHealing && tally.changed === 0) {
      counts.countSoon()
      log.info({ chunks: doneCount, ...(stuck !== undefined && { stuck }) }, 'healing ends')
      isHealing = false
    }
    tally = { changed: 0, isCut: false, waiting: new Map() }
    await forgetLost(known)
  }

  return {
    name: 'replicate',
    everyMs: settings.everyMs,
    async run(signal) {
      const known = await fileServers.review(lease.heldMs)
      if (settings.replicas === 1) {
        await forgetLost(known)
        return false
      }
      await healNext(known, signal)
      if (tally.changed > 0) {
        if (!isHealing) log.info('healing starts')
        isHealing = true
        stuck = undefined
      }
      if (!toHeal.isPassOver) {
        if (fruitlessCount < MAX_FRUITLESS) return true
        stuck = whyStuck(tally)
        fruitlessCount = 0
        return false
      }
      // What was changed may be of use to another chunk, so the loop rests after a pass that changed nothing.
      const hasMore = tally.changed > 0
      await endPass(known)
      return hasMore
    },
    progress() {
      const [lacking, unswept] = [counts.lacking, toHeal.left]
      const remaining = lacking && unswept && lacking.chunks + unswept.chunks
      const bytes = lacking && unswept && lacking.bytes + unswept.bytes
      return {
        ...(stuck !== undefined && { stuck }),
        done: doneCount,
        remaining,
        bytesPerSecond: meter.bytesPerSecond,
        secondsLeft: meter.secondsFor(bytes),
      }
    },
  }
}

/** Lists the chunks of a holder of which something is to be changed. */
function candidatesOf(holder: Holder, circumstances: Circumstances): Candidate[] {
  if (holder.storageClass !== 'replicated') return []
  return chunksOf(holder)
    .filter(({ chunk }) => planReplication(chunk, circumstances).kind !== 'whole')
    .map((place) => ({ holder, place, goodCount: goodReplicas(place.chunk, circumstances.lost).length }))
}

/** A round is carried out with these. */
interface Round {
  readonly tally: Tally
  readonly meter: RateMeter
  readonly lastResorts: LastResorts
  /** Tells whether nothing more is begun. */
  readonly isOver: () => boolean
  readonly signal: AbortSignal
}

/** Makes the copies that are needed, several at once. @returns what is to be written */
async function planAndCopy(
  deps: ReplicateDeps,
  candidates: readonly Candidate[],
  circumstances: () => Circumstances,
  { tally, meter, lastResorts, isOver, signal }: Round,
): Promise<Change[]> {
  const changes: Change[] = []
  const wait = (why: string): unknown => tally.waiting.set(why, (tally.waiting.get(why) ?? 0) + 1)
  const work = async (candidate: Candidate): Promise<void> => {
    if (isOver()) {
      tally.isCut = true
      return
    }
    // Others have taken room meanwhile, so the plan is made just before it is carried out.
    const now = circumstances()
    const { chunk, number } = candidate.place
    const plan = planReplication(chunk, now)
    if (plan.kind === 'stuck') wait(plan.why)
    const isLastResort = goodReplicas(chunk, now.lost).length === 0
    if (plan.kind === 'unrecoverable' || (plan.kind === 'heal' && isLastResort && !lastResorts.mayTry(candidate)))
      return void wait(NO_COPY_LEFT)
    if (plan.kind !== 'heal') return
    try {
      const change = await heal(deps, candidate, plan, now.replicas, signal)
      if (isLastResort && (change === null || change.fresh.length === 0)) wait(NO_COPY_LEFT)
      if (change === null) return
      changes.push(change)
      meter.add(change.fresh.length * chunk.size)
    } catch (thrown) {
      const error = toStoreError(thrown)
      wait(`a copy failed with ${error.name}`)
      const place = { fileId: candidate.holder._id, chunk: number, targets: plan.targets }
      if (!signal.aborted) deps.log.warn({ ...place, error: error.name, err: error }, 'chunk not healed')
    }
  }
  await eachAtOnce(candidates, AT_ONCE, work)
  return changes
}

/**
 * Writes the changes, one update a holder. Copies that no record came to name are deleted; where it is not known whether one
 * did, they stay. @returns how many chunks were changed
 */
async function writeChanges(
  { holders, registry, log }: ReplicateDeps,
  changes: readonly Change[],
  tally: Tally,
): Promise<number> {
  const byHolder = new Map<Holder, Change[]>()
  for (const change of changes) byHolder.set(change.holder, [...(byHolder.get(change.holder) ?? []), change])
  let changedCount = 0
  const write = async ([holder, ofHolder]: [Holder, Change[]]): Promise<void> => {
    await failpoint?.('manager.before-add')
    try {
      const made = new Set(await holders.changeReplicas(holder, ofHolder))
      changedCount += made.size
      const unmade = ofHolder.filter((change) => !made.has(change))
      const unnamed = unmade.flatMap(({ fresh }) => fresh)
      discardCopies(registry, unnamed, REQUEST_ID)
    } catch (thrown) {
      const error = toStoreError(thrown)
      log.warn({ fileId: holder._id, error: error.name, err: error }, 'not known whether chunks are healed')
    }
    await failpoint?.('manager.after-add')
  }
  await eachAtOnce([...byHolder], AT_ONCE, write)
  tally.changed += changedCount
  return changedCount
}

/** Says once of each holder that a chunk of it is lost: `short` tells from then on that it was said. */
function sayUnrecoverable(log: Logger, candidates: readonly Candidate[]): void {
  const holders = new Set(candidates.filter(({ goodCount }) => goodCount === 0).map(({ holder }) => holder))
  for (const { _id, short } of holders) {
    if (short !== 0) log.error({ fileId: _id }, 'no sound copy of a chunk is left')
  }
}

function whyStuck({ waiting }: Tally): string | undefined {
  if (waiting.size === 0) return undefined
  return [...waiting].map(([why, count]) => `${count === 1 ? '1 chunk' : `${count} chunks`}: ${why}`).join('; ')
}
