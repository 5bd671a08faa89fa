import type { CopyId } from '@holdfast/shared/ids'
import type { PartTags } from '../http/verified-parts.ts'
import { type LinkDeps, ManagerLink } from './manager-link.ts'

/** A manager can make this file-server dial at most this many addresses. Each worker of a manager has one. */
const MAX_MANAGERS = 256

/** The tags of a copy are asked for at so many managers at most, one after the other. */
const MAX_ASKED = 3

type CommonDeps = Omit<LinkDeps, 'onManagers' | 'isConnectedTo'>

/**
 * Keeps one link to every manager. Addresses in the settings are kept for ever, learned ones for as long as some
 * manager names them.
 */
export class ManagerLinks {
  readonly #given: readonly string[]
  readonly #deps: CommonDeps
  readonly #links = new Map<string, ManagerLink>()
  #hasRefused = false

  constructor(given: readonly string[], deps: CommonDeps) {
    this.#given = given
    this.#deps = deps
    for (const url of given) this.#dial(url)
  }

  get connectedCount(): number {
    return [...this.#links.values()].filter((link) => link.isWelcome).length
  }

  /**
   * Asks some managers, first the one that was heard last, for one that is silent takes as long as the command may.
   * @returns null where the copy has no tags, or none of them answers
   */
  async tagsOf(copyId: CopyId): Promise<PartTags | null> {
    const welcome = [...this.#links.values()].filter((link) => link.isWelcome)
    for (const link of welcome.sort((a, b) => b.heardAt - a.heardAt).slice(0, MAX_ASKED)) {
      try {
        return await link.tagsOf(copyId)
      } catch (error) {
        this.#deps.log.debug({ copyId, manager: link.url, err: error }, 'a manager did not give the tags of a copy')
      }
    }
    return null
  }

  close(): void {
    for (const link of this.#links.values()) link.close()
    this.#links.clear()
  }

  #dial(url: string): void {
    if (this.#links.has(url)) return
    if (this.#links.size >= MAX_MANAGERS) {
      if (!this.#hasRefused) this.#deps.log.warn({ url, linkCount: MAX_MANAGERS }, 'too many managers, one not dialled')
      this.#hasRefused = true
      return
    }
    const link = new ManagerLink(url, {
      ...this.#deps,
      onManagers: (urls) => this.#learn(urls),
      isConnectedTo: (managerId) => [...this.#links.values()].some((other) => other.managerId === managerId),
    })
    this.#links.set(url, link)
  }

  #learn(urls: readonly string[]): void {
    const origins = urls.map((url) => new URL(url).origin)
    for (const [url, link] of this.#links) {
      if (this.#given.includes(url) || origins.includes(url) || link.isWelcome) continue
      link.close()
      this.#links.delete(url)
    }
    for (const url of origins) this.#dial(url)
  }
}
