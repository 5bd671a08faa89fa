import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from '@holdfast/shared/node/logger'
import { reasonOf } from '../../peer-error.ts'
import type { TrackerClient } from '../../tracker-client.ts'
import type { FoundPeer, PeerFinder } from './peer-finder.ts'

/** A download looks for further peers this often, and somebody who has all only says that he is there. */
const LOAD_EVERY_MS = 5_000
const SHARE_EVERY_MS = 600_000
/** A tracker that is away is asked again later and later, but a user who waits for a download wants it soon. */
const MAX_LOAD_WAIT_MS = 15_000
const MAX_SHARE_WAIT_MS = 60_000

export interface HashPeersOptions {
  readonly hash: string
  readonly tracker: TrackerClient
  readonly listening: { readonly host: string; readonly port: number }
  readonly isWhole: boolean
  readonly onPeers: (peers: readonly FoundPeer[]) => void
  /** Hears in a sentence why the tracker is of no use at the moment. */
  readonly onTrouble: (sentence: string) => void
  readonly log: Logger
  /** Waits until it is time to ask again. It never fails. */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>
}

/** Asks the tracker of the document for the peers of a hash, which makes this one a peer of it. */
export class HashPeers implements PeerFinder {
  readonly #options: HashPeersOptions
  readonly #stop = new AbortController()
  readonly #ended: Promise<void>
  #isWhole: boolean

  constructor(options: HashPeersOptions) {
    this.#options = options
    this.#isWhole = options.isWhole
    this.#ended = this.#run()
  }

  async complete(): Promise<void> {
    this.#isWhole = true
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#ended
  }

  async #run(): Promise<void> {
    const { hash, tracker, listening, onPeers, onTrouble, log, wait = pause } = this.#options
    const { signal } = this.#stop
    let failures = 0
    while (!signal.aborted) {
      try {
        onPeers(await tracker.peersOf(hash, listening, signal))
        if (failures > 0) log.info({ hash }, 'the tracker tells peers again')
        failures = 0
      } catch (error) {
        if (signal.aborted) return
        failures += 1
        if (failures === 1) log.warn({ hash, reason: reasonOf(error) }, 'the tracker does not tell peers')
        onTrouble(reasonOf(error))
      }
      const [usual, most] = this.#isWhole ? [SHARE_EVERY_MS, MAX_SHARE_WAIT_MS] : [LOAD_EVERY_MS, MAX_LOAD_WAIT_MS]
      const waitMs = failures === 0 ? usual : Math.min(1_000 * 2 ** failures, most)
      await wait(waitMs, signal)
    }
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined)
}
