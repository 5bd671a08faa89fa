import { type Signal, signal } from '@preact/signals'
import { messageOf } from '../api/request.ts'
import {
  type FileToSend,
  findSent,
  makeLink,
  nameFor,
  type SendOutcome,
  type StoredFile,
  sendFile,
  type UploadPath,
} from '../api/send-file.ts'
import type { FileInFolder } from './dropped-files.ts'
import { noRate, type Rate, rateAfter } from './rate.ts'
import { isWorthRetrying, MAX_FAILURES, retryDelayMs } from './retry.ts'

/** A browser has six connections to a server, and the list and the previews need some. */
const AT_ONCE = 3
const PROBE_MS = 4_000
/** A name that is taken may be so by an attempt whose answer was lost. */
const MAYBE_STORED = '. An earlier attempt may have stored it'

export type UploadState =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'sending'; readonly sentBytes: number; readonly rate: Rate }
  /** It goes on by itself. */
  | { readonly kind: 'pausing'; readonly why: string; readonly untilMs: number }
  | { readonly kind: 'stored'; readonly file: StoredFile }
  | { readonly kind: 'failed'; readonly why: string }
  | { readonly kind: 'cancelled' }

export interface Upload extends FileToSend {
  readonly id: number
}

interface Running extends Upload {
  readonly state: Signal<UploadState>
  stop: AbortController
  /** An attempt whose answer was lost may have stored it. */
  wasSent: boolean
  /** Ends the pause. */
  wake: () => void
}

export type UploadRow = Upload & Pick<Running, 'state'>

/** @param onStored hears of every file that is stored */
export function createUploadQueue<Stored extends StoredFile>(path: UploadPath, onStored: (file: Stored) => void) {
  const uploads = signal<readonly Running[]>([])
  let lastId = 0
  let underWay = 0

  function add(files: readonly FileInFolder[], expires: string): void {
    const added = files.map(({ file, path: inFolder }): Running => {
      const name = nameFor(path, inFolder)
      const state = signal<UploadState>({ kind: 'waiting' })
      const stop = new AbortController()
      return { id: ++lastId, file, name, link: makeLink(), expires, state, stop, wasSent: false, wake: () => undefined }
    })
    uploads.value = [...uploads.value, ...added]
    startNext()
  }

  function startNext(): void {
    while (underWay < AT_ONCE) {
      const next = uploads.value.find(({ state }) => state.peek().kind === 'waiting')
      if (next === undefined) return
      underWay++
      next.state.value = sending(0, noRate(performance.now()))
      run(next)
        .catch((error: unknown) => {
          next.state.value = { kind: 'failed', why: messageOf(error) }
        })
        .finally(() => {
          underWay--
          startNext()
        })
    }
  }

  async function run(upload: Running): Promise<void> {
    const { state } = upload
    for (let failures = 1; ; failures++) {
      const outcome = await send(upload)
      const end = endOf(outcome, failures)
      if (end !== null) {
        state.value = end
        if (outcome.kind === 'stored') onStored(outcome.file)
        return
      }
      const why = outcome.kind === 'refused' ? outcome.message : 'The connection was lost'
      const retryAfterMs = outcome.kind === 'refused' ? (outcome.retryAfterMs ?? 0) : 0
      if (!(await pause(upload, why, Math.max(retryAfterMs, retryDelayMs(failures, Math.random()))))) return
      // A large file is not sent again before the store answers. That costs no attempt, however long it takes.
      for (let misses = 1; outcome.kind === 'cut' && !(await answers()); misses++)
        if (!(await pause(upload, 'The store cannot be reached', retryDelayMs(misses, Math.random())))) return
    }
  }

  /** Sends the file, unless an attempt before has stored it, or does so meanwhile. */
  async function send(upload: Running): Promise<SendOutcome<Stored>> {
    const { state, stop, wasSent } = upload
    let rate = noRate(performance.now())
    state.value = sending(0, rate)
    const before = wasSent ? await findSent<Stored>(path, upload, stop.signal) : null
    if (before !== null) return { kind: 'stored', file: before }
    upload.wasSent = true
    const onProgress = (sentBytes: number) => {
      rate = rateAfter(rate, sentBytes, performance.now())
      state.value = sending(sentBytes, rate)
    }
    const outcome = await sendFile<Stored>(path, upload, onProgress, stop.signal)
    const isTaken = outcome.kind === 'refused' && outcome.status === 409
    const meanwhile = isTaken ? await findSent<Stored>(path, upload, stop.signal) : null
    return meanwhile === null ? outcome : { kind: 'stored', file: meanwhile }
  }

  /** @returns false where the upload was cancelled meanwhile */
  async function pause(upload: Running, why: string, ms: number): Promise<boolean> {
    const { signal: stopped } = upload.stop
    if (!stopped.aborted) {
      upload.state.value = { kind: 'pausing', why, untilMs: Date.now() + ms }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms)
        upload.wake = () => {
          clearTimeout(timer)
          resolve()
        }
        stopped.addEventListener('abort', upload.wake, { once: true })
        addEventListener('online', upload.wake, { once: true })
      })
    }
    if (stopped.aborted) upload.state.value = { kind: 'cancelled' }
    return !stopped.aborted
  }

  function cancel(id: number): void {
    const upload = uploads.value.find((one) => one.id === id)
    if (upload === undefined) return
    if (upload.state.peek().kind === 'waiting') upload.state.value = { kind: 'cancelled' }
    upload.stop.abort()
  }

  function retry(id: number): void {
    const upload = uploads.value.find((one) => one.id === id)
    if (upload === undefined) return
    const { kind } = upload.state.peek()
    if (kind === 'pausing') upload.wake()
    if (kind !== 'failed' && kind !== 'cancelled') return
    upload.stop = new AbortController()
    upload.state.value = { kind: 'waiting' }
    startNext()
  }

  return {
    uploads: uploads as { readonly value: readonly UploadRow[] },
    add,
    cancel,
    retry,
    cancelAll: () => {
      // What waits is cancelled first, for it would begin in the place of what ends.
      for (const { id, state } of uploads.value) if (state.peek().kind === 'waiting') cancel(id)
      for (const { id, state } of uploads.value) if (isUnfinished(state.peek())) cancel(id)
    },
    clear: () => {
      uploads.value = uploads.value.filter(({ state }) => isUnfinished(state.peek()))
    },
    get unfinished(): readonly UploadRow[] {
      return uploads.value.filter(({ state }) => isUnfinished(state.peek()))
    },
  }
}

export type UploadQueue = ReturnType<typeof createUploadQueue>

export function isUnfinished({ kind }: UploadState): boolean {
  return kind === 'waiting' || kind === 'sending' || kind === 'pausing'
}

/** What was cancelled is no part of the whole. */
export function totalsOf(rows: readonly UploadRow[]) {
  let [count, stored, failed, bytes, sentBytes] = [0, 0, 0, 0, 0]
  for (const { file, state } of rows) {
    const value = state.peek()
    if (value.kind === 'cancelled') continue
    count++
    bytes += file.size
    if (value.kind === 'stored') stored++
    if (value.kind === 'failed') failed++
    sentBytes += value.kind === 'stored' ? file.size : value.kind === 'sending' ? value.sentBytes : 0
  }
  return { count, stored, failed, bytes, sentBytes }
}

const sending = (sentBytes: number, rate: Rate): UploadState => ({ kind: 'sending', sentBytes, rate })

/** @returns how the upload ends, or null where it is tried again */
function endOf(outcome: SendOutcome<StoredFile>, failures: number): Exclude<UploadState, { kind: 'sending' }> | null {
  switch (outcome.kind) {
    case 'stored':
    case 'cancelled':
      return outcome
    case 'refused':
      return isWorthRetrying(outcome.status) && failures < MAX_FAILURES
        ? null
        : { kind: 'failed', why: outcome.message + (outcome.status === 409 && failures > 1 ? MAYBE_STORED : '') }
    case 'cut':
      return failures < MAX_FAILURES ? null : { kind: 'failed', why: 'The connection was lost again and again' }
    default:
      return outcome satisfies never
  }
}

async function answers(): Promise<boolean> {
  try {
    return (await fetch('/ready', { signal: AbortSignal.timeout(PROBE_MS), cache: 'no-store' })).ok
  } catch {
    return false
  }
}
