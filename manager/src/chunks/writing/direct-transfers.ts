import { hasErrorName, StoreError, toStoreError } from '@holdfast/shared/errors/store-error'
import type { CopyId } from '@holdfast/shared/ids'
import { chunkTarget, issueChunkTicket } from '@holdfast/shared/node/chunk-url'
import type { Logger } from '@holdfast/shared/node/logger'
import { isLoopback } from '@holdfast/shared/node/loopback'
import type { NamedCopy, StoredCopy } from '@holdfast/shared/wire/shapes'
import type { FileServerLink } from '../links/file-server-link.ts'
import { copyDeadlineMs } from './copy-deadline.ts'
import { deleteCopy } from './delete-copy.ts'

/** The other file-server asks at once, so a ticket need not be good for longer. */
const TICKET_SECONDS = 60
/** A way that did not lead to the other file-server is not tried again before. */
const AVOIDED_MS = 600_000
/** This many ways are remembered, the oldest go first. */
const MAX_AVOIDED = 10_000

/** Has file-servers fetch copies from each other's chunk ports, so that the bytes do not pass through the manager. */
export class DirectTransfers {
  readonly #secret: string
  readonly #log: Logger
  readonly #now: () => number
  readonly #avoidedSince = new Map<string, number>()

  /** @param now tells monotonic milliseconds */
  constructor(secret: string, log: Logger, now: () => number = () => performance.now()) {
    this.#secret = secret
    this.#log = log
    this.#now = now
  }

  /**
   * Has the target fetch a copy and store it under a new copyId. The target verifies the digest before the copy becomes durable.
   * @returns null where it did not, and nothing of it stays: then the manager has to relay. @throws where the signal fires
   */
  async copy(
    source: FileServerLink,
    target: FileServerLink,
    { from, to, sizeBytes }: { readonly from: NamedCopy; readonly to: CopyId; readonly sizeBytes: number },
    signal: AbortSignal,
  ): Promise<StoredCopy | null> {
    const way = `${source.id}>${target.id}`
    if (!mayReach(source, target) || this.#isAvoided(way)) return null
    const path = chunkTarget(from)
    const ticket = issueChunkTicket(this.#secret, source.id, path, Math.ceil(Date.now() / 1000) + TICKET_SECONDS)
    const { sha256 } = from
    const requestId = `transfer-${to}`
    try {
      const order = { copyId: to, sizeBytes, sha256, requestId, url: source.chunkUrl + path, ticket }
      const { copy } = await target.call('fetch-file', order, { signal, deadlineMs: copyDeadlineMs(sizeBytes) })
      if (copy.copyId !== to || copy.sha256 !== sha256 || copy.sizeBytes !== sizeBytes)
        throw new StoreError('BAD_ANSWER', 'the ack names another copy')
      return { ...copy, partTags: new Uint8Array(0) }
    } catch (thrown) {
      // Nobody waits for this: deleting what is not there is harmless, and upkeep finds an orphan.
      void deleteCopy(target, { copyId: to, slot: null, requestId }).catch(() => undefined)
      signal.throwIfAborted()
      const error = toStoreError(thrown)
      if (hasErrorName(error, 'LINK_LOST', 'DEADLINE_EXCEEDED', 'BAD_ANSWER', 'UNAUTHORIZED')) this.#avoid(way)
      this.#log.info(
        { from: source.id, to: target.id, error: error.name, detail: error.detail },
        'a chunk goes through the manager, for one file-server did not get it from the other',
      )
      return null
    }
  }

  #isAvoided(way: string): boolean {
    const since = this.#avoidedSince.get(way)
    return since !== undefined && this.#now() - since < AVOIDED_MS
  }

  #avoid(way: string): void {
    this.#avoidedSince.delete(way)
    this.#avoidedSince.set(way, this.#now())
    const [oldest] = this.#avoidedSince.keys()
    if (oldest !== undefined && this.#avoidedSince.size > MAX_AVOIDED) this.#avoidedSince.delete(oldest)
  }
}

/** A loopback address leads only those to a file-server who are on its machine, and so come to the manager from one address. */
function mayReach(source: FileServerLink, target: FileServerLink): boolean {
  return !isLoopback(hostOf(source.chunkUrl)) || source.address === target.address
}

/** @returns a URL's host name without the brackets of an address */
export function hostOf(url: string): string {
  return new URL(url).hostname.replace(/^\[(.*)\]$/, '$1')
}
