/** So much of a large file waits in the page cache; then it goes to the disk while the rest still comes. */
export const EARLY_SYNC_BYTES = 32 * 1024 * 1024

/** Syncs a large file as it grows: its last sync, which others on the disk wait for too, has little left to do. */
export class EarlySync {
  readonly #sync: () => Promise<void>
  #waitingBytes = 0
  #running: Promise<void> | null = null
  #failure: { readonly error: unknown } | null = null

  constructor(sync: () => Promise<void>) {
    this.#sync = sync
  }

  wrote(bytes: number): void {
    this.#waitingBytes += bytes
    if (this.#waitingBytes < EARLY_SYNC_BYTES || this.#running !== null) return
    this.#waitingBytes = 0
    this.#running = this.#sync()
      .catch((error: unknown) => {
        this.#failure ??= { error }
      })
      .finally(() => {
        this.#running = null
      })
  }

  /** Resolves when none is under way. */
  async settled(): Promise<void> {
    await this.#running
  }

  /** @throws what a sync failed with: the kernel tells it only once, so the last sync may say nothing of it. */
  async end(): Promise<void> {
    await this.#running
    if (this.#failure !== null) throw this.#failure.error
  }
}
