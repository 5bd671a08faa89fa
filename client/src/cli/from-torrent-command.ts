import { readFile } from 'node:fs/promises'
import { errorRow } from '@holdfast/shared/errors/error-table'
import { hasErrorName, StoreError } from '@holdfast/shared/errors/store-error'
import { plainText } from '@holdfast/shared/plain-text'
import type { Job } from '../answers.ts'
import { PathError } from '../node/system-error.ts'
import { pause } from '../pause.ts'
import type { PullOptions } from '../store-client.ts'
import { type Console, printResult } from './console.ts'
import { sentenceOf } from './exit-code.ts'
import { formatBytes, formatDuration } from './format.ts'

const ASK_EVERY_MS = 1_000
/** A manager that restarts, or a machine that was asleep, is away for less than this. */
const AWAY_MS = 600_000

export interface PullWish extends Pick<PullOptions, 'folder' | 'storageClass'> {
  /** Only prints the job's id. */
  readonly detach?: boolean
}

/** Has the files of a torrent loaded and stored by the manager, and shows how that goes. @param torrent a file or a magnet link */
export async function fromTorrent(console: Console, torrent: string, { detach, ...wish }: PullWish): Promise<void> {
  const { client, signal, stderr, isJson } = console
  const source = /^magnet:/i.test(torrent) ? torrent : await readTorrent(torrent)
  const id = await client.pullTorrent(source, { ...wish, signal }).catch((error: unknown) => {
    if (!hasErrorName(error, 'UNAUTHORIZED')) throw error
    const { detail } = error as StoreError
    const hint = `torrents are pulled in for who has the cluster's secret: set CLUSTER_SECRET, or name its file with --secret-file (${detail})`
    throw new StoreError('UNAUTHORIZED', hint, { cause: error })
  })
  if (detach === true) return printResult(console, { id }, id)
  using shown = showLine(stderr, isJson)
  let answeredAt = performance.now()
  try {
    for (;;) {
      const job = await client.job(id, { signal }).catch((error: unknown) => {
        if (!isPassing(error) || performance.now() - answeredAt > AWAY_MS) throw error
        shown.show(plainText(`${sentenceOf(error, null)}; it is asked again`))
      })
      if (job === undefined) {
        await pause(ASK_EVERY_MS, signal)
        continue
      }
      answeredAt = performance.now()
      if (job.state === 'failed') throw new Error(job.error ?? 'it failed')
      if (job.state === 'done') return printDone(console, job)
      // Names and troubles are of strangers.
      shown.show(plainText(lineOf(job)))
      await pause(ASK_EVERY_MS, signal)
    }
  } catch (error) {
    shown[Symbol.dispose]()
    if (hasErrorName(error, 'JOB_NOT_FOUND')) throw new Error('somebody has called it off', { cause: error })
    if (signal.aborted && !isJson) stderr.write(`holdfast: the manager goes on with it, as job ${id}\n`)
    throw error
  }
}

function isPassing(error: unknown): boolean {
  return error instanceof StoreError && error.name !== 'CANCELLED' && errorRow(error.name).isRetryable
}

async function readTorrent(path: string): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(
    await readFile(path).catch((error: unknown) => {
      throw new PathError(path, error)
    }),
  )
}

function printDone(console: Console, { id, progress }: Job): void {
  const { name = null, files = null, totalBytes = null } = progress
  const amount = typeof totalBytes === 'number' ? `, ${formatBytes(totalBytes)}` : ''
  printResult(
    console,
    { id, name, files, sizeBytes: totalBytes },
    `stored ${plainText(String(name))}: ${files} files${amount}`,
  )
}

function lineOf({ state, error, progress }: Job): string {
  const { phase, name, doneBytes, totalBytes, bytesPerSecond, peers, secondsLeft, trouble } = progress
  const isMoving = state === 'running' && typeof bytesPerSecond === 'number' && bytesPerSecond > 0
  return [
    ...(typeof name === 'string' ? [name] : []),
    state === 'running' ? String(phase ?? state) : `${state}${error === null ? '' : ` after a failure: ${error}`}`,
    ...(typeof doneBytes === 'number' && typeof totalBytes === 'number'
      ? [`${Math.floor((100 * doneBytes) / Math.max(1, totalBytes))} % of ${formatBytes(totalBytes)}`]
      : []),
    ...(isMoving ? [`${formatBytes(Math.round(bytesPerSecond))}/s`] : []),
    ...(state === 'running' && typeof peers === 'number' ? [`${peers} peers`] : []),
    ...(isMoving && typeof secondsLeft === 'number' ? [`${formatDuration(secondsLeft)} left`] : []),
    ...(state === 'running' && typeof trouble === 'string' && !isMoving ? [trouble] : []),
  ].join(', ')
}

interface ShownLine extends Disposable {
  show(line: string): void
}

/** A terminal has one line that changes. Elsewhere a line is written when it tells of something else than figures. */
function showLine(stream: NodeJS.WriteStream, isSilent: boolean): ShownLine {
  let last = ''
  return {
    show(line) {
      const told = line.replace(/\d+(\.\d+)?/g, '')
      if (isSilent || (!stream.isTTY && told === last)) return
      last = told
      stream.write(stream.isTTY ? `\r\u001b[K${line.slice(0, Math.max(20, stream.columns - 1))}` : `${line}\n`)
    },
    [Symbol.dispose]() {
      if (stream.isTTY && last !== '') stream.write('\r\u001b[K')
      last = ''
    },
  }
}
