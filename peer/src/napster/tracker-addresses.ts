import { lookup } from 'node:dns/promises'
import type { Logger } from '@holdfast/shared/node/logger'
import { reasonOf } from '../peer-error.ts'

/** A name may come to stand for another address. */
const LOOK_UP_EVERY_MS = 300_000

/** Knows at which addresses the tracker is. */
export class TrackerAddresses {
  readonly #timer: NodeJS.Timeout
  #known: readonly string[] = []

  /** @param origin of the tracker */
  constructor(origin: string, log: Logger) {
    const host = new URL(origin).hostname.replace(/^\[(.*)\]$/, '$1')
    const look = async (): Promise<void> => {
      try {
        this.#known = (await lookup(host, { all: true })).map(({ address }) => address)
      } catch (error) {
        log.warn({ host, reason: reasonOf(error) }, 'the address of the tracker is not known')
      }
    }
    void look()
    this.#timer = setInterval(look, LOOK_UP_EVERY_MS)
  }

  has(address: string): boolean {
    return this.#known.includes(address)
  }

  close(): void {
    clearInterval(this.#timer)
  }
}
