import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import {
  GO,
  type PullMessage,
  type PullOrder,
  type PullProgress,
  pullMessage,
} from '@holdfast/shared/node/torrent/pull-messages'
import { JobRefusal } from '../jobs/jobs.ts'

/** A process that was asked to end is killed after so long. */
const END_MS = 10_000
const HEAP_MIB = 384
const MAX_COMPLAINT = 1_000

export interface PeerHooks {
  /** What the torrent is of is known. It may throw to call the pull off, before anything is loaded. */
  readonly onKnown: () => Promise<void>
  readonly onProgress: (progress: PullProgress) => void
  /** Hears in a sentence what may be the reason why nothing comes. */
  readonly onTrouble: (sentence: string) => void
}

/**
 * Has a process of the peer's load a torrent into a directory. It ends with this one, even after kill -9, because its input
 * ends then. @throws JobRefusal where another attempt would end alike; what the hooks throw
 */
export async function runPeer(
  scripts: readonly string[],
  order: PullOrder,
  hooks: PeerHooks,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted()
  const script = scripts.find((path) => existsSync(path))
  if (script === undefined)
    throw new JobRefusal(
      'the peer, which loads torrents, is not installed here: the manager needs the folder peer/ of the project beside its own (docs/peer.md)',
    )
  const child = spawn(process.execPath, [`--max-old-space-size=${HEAP_MIB}`, script], {
    env: environmentOf(process.env),
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  // It listens for errors too, and comes first: without descriptors for a process there are no streams either.
  const ended = once(child, 'close') as Promise<[number | null, string | null]>
  ended.catch(() => undefined)
  child.stdin.on('error', () => undefined)
  let complaint = ''
  let trouble = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-MAX_COMPLAINT)
  })
  let timer: NodeJS.Timeout | undefined
  const end = (): void => {
    if (timer !== undefined) return
    child.stdin.end()
    // While the peer is installed nobody reads the input, and npm would go on without the script and its lock.
    child.kill('SIGTERM')
    timer = setTimeout(() => child.kill('SIGKILL'), END_MS)
  }
  signal.addEventListener('abort', end)
  try {
    child.stdin.write(`${JSON.stringify(order)}\n`)
    let outcome: PullMessage | null = null
    for await (const line of createInterface({ input: child.stdout })) {
      const message = parse(line)
      if (message?.kind === 'progress') hooks.onProgress(progressIn(message))
      else if (message?.kind === 'trouble') {
        trouble = `; ${message.sentence}`
        hooks.onTrouble(message.sentence)
      } else if (message?.kind !== 'known') outcome = message ?? outcome
      else {
        await hooks.onKnown()
        child.stdin.write(`${GO}\n`)
      }
    }
    const [code, endedBy] = await ended
    signal.throwIfAborted()
    if (outcome?.kind === 'done') return
    if (outcome?.kind !== 'failed')
      throw new Error(
        `the peer ended (${endedBy ?? `exit code ${code}`}) ${complaint.trim().split('\n').slice(-3).join(' ')}`,
      )
    throw outcome.isFinal ? new JobRefusal(outcome.reason) : new Error(outcome.reason + trouble)
  } finally {
    end()
    await ended.catch(() => undefined)
    clearTimeout(timer)
    signal.removeEventListener('abort', end)
  }
}

/** What else is in the environment, the secrets among it, is none of the peer's business. The first time it runs npm. */
function environmentOf(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const passed = /^(PATH|HOME|USER|LANG|TMPDIR|TEMP|SystemRoot|npm_.*|https?_proxy|no_proxy|NODE_EXTRA_CA_CERTS)$/i
  return Object.fromEntries(Object.entries(environment).filter(([name]) => passed.test(name)))
}

function progressIn({ kind: _, ...progress }: PullProgress & { readonly kind: 'progress' }): PullProgress {
  return progress
}

/** Whatever else is printed there is not for the manager. */
function parse(line: string): PullMessage | null {
  try {
    return pullMessage.parse(JSON.parse(line))
  } catch {
    return null
  }
}
