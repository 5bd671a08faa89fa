import { readFile } from 'node:fs/promises'
import { errorRow } from '@holdfast/shared/errors/error-table'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { type Metainfo, readTorrent } from '@holdfast/shared/node/torrent/metainfo'
import { type PullProgress, pullFiles } from '@holdfast/shared/node/torrent/pull-messages'
import { peerScripts } from '../beside.ts'
import { JobRefusal } from '../jobs/jobs.ts'
import type { PlannedFile } from './plan-files.ts'
import type { PullDirectories } from './pull-directories.ts'
import type { Pull, PullRecords } from './pull-records.ts'
import { runPeer } from './run-peer.ts'
import { findStored, type StoreDeps, storeFiles } from './store-files.ts'
import type { Telling } from './telling.ts'

export interface DoPullDeps {
  readonly records: PullRecords
  readonly directories: PullDirectories
  readonly files: StoreDeps
  /** @throws StoreError where the files could not be stored */
  readonly plan: (metainfo: Metainfo, pull: Pull) => PlannedFile[]
  readonly patienceMs: number
  readonly allowsPrivate: boolean
}

interface Known {
  readonly metainfo: Metainfo
  readonly planned: readonly PlannedFile[]
}

/**
 * Has a torrent loaded, stores its files, and forgets it. After a failure the next attempt goes on with what is there.
 * @throws JobRefusal where there is none that would end otherwise
 */
export async function doPull(deps: DoPullDeps, pull: Pull, telling: Telling, signal: AbortSignal): Promise<void> {
  const { records, directories } = deps
  const { id, torrent } = pull
  await directories.use(id, torrent)
  try {
    await store(deps, pull, await load(deps, pull, telling, signal), telling, signal)
    await telling.end()
    await records.forget(id)
    await directories.remove(id)
  } catch (error) {
    const failure = failureOf(error)
    // It was called off, or a shutdown has broken it off.
    const isGivenUp = signal.aborted ? !(await records.isNeeded(id).catch(() => true)) : failure instanceof JobRefusal
    if (isGivenUp) await directories.remove(id)
    throw failure
  } finally {
    await directories.letGo(id)
  }
}

/** Has the torrent loaded, unless an attempt before has done that. */
async function load(deps: DoPullDeps, pull: Pull, telling: Telling, signal: AbortSignal): Promise<Known> {
  const { directories, patienceMs, allowsPrivate } = deps
  const { id, infoHash, magnet } = pull
  if (await directories.isWhole(id)) return learn(deps, pull, telling)
  telling.now({ phase: 'preparing' })
  let known: Known | null = null
  const hooks = {
    onKnown: async () => {
      known = await learn(deps, pull, telling)
      await directories.requireRoom(id, known.metainfo.length)
    },
    onProgress: (progress: PullProgress) => telling.later(progress),
    onTrouble: (trouble: string) => telling.later({ trouble }),
  }
  const order = { directory: directories.pathOf(id), infoHash, magnet, allowsPrivate, patienceMs }
  await runPeer(peerScripts, order, hooks, signal)
  if (known === null) throw new Error('the peer did not say what the torrent is of')
  return known
}

/** @throws StoreError where the files could not be stored, or would be in the place of others */
async function learn({ directories, files, plan }: DoPullDeps, pull: Pull, telling: Telling): Promise<Known> {
  const metainfo = readTorrent(await readFile(directories.pathOf(pull.id, pullFiles.torrent)))
  const planned = plan(metainfo, pull)
  telling.now({ phase: 'loading', name: metainfo.name, files: planned.length, totalBytes: metainfo.length })
  await findStored(files, planned)
  return { metainfo, planned }
}

async function store(
  { directories, files }: DoPullDeps,
  { id, storageClass }: Pull,
  { metainfo, planned }: Known,
  telling: Telling,
  signal: AbortSignal,
): Promise<void> {
  let doneBytes = 0
  const nothing = { bytesPerSecond: null, peers: null, secondsLeft: null, trouble: null }
  telling.now({ phase: 'storing', doneBytes, ...nothing })
  const pathOf = ({ number }: PlannedFile) => directories.pathOf(id, pullFiles.whole, String(number))
  const onBytes = (bytes: number): void => {
    doneBytes += bytes
    telling.later({ doneBytes })
  }
  await storeFiles(files, { planned, pathOf, storageClass, requestId: id, onBytes }, signal)
  telling.now({ phase: 'stored', doneBytes: metainfo.length })
}

/** @returns the error in a sentence; a refusal where another attempt would end alike */
function failureOf(error: unknown): unknown {
  if (!(error instanceof StoreError)) return error
  const { status, isRetryable } = errorRow(error.name)
  const sentence = `${error.message}${error.detail === undefined ? '' : `: ${error.detail}`}`
  const options = { cause: error }
  return status < 500 && !isRetryable ? new JobRefusal(sentence, options) : new Error(sentence, options)
}
