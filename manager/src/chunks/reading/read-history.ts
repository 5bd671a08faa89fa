/** A file-server that was silent is asked last for this long, unless it answers. After that one read at a time tries it. */
const SILENT_FOR_MS = 30_000
/** What a file-server took is held against it for this long. After that one read at a time finds out what it takes. */
const REMEMBER_MS = 30_000
/** Whatever its length, a read costs a file-server about as much as it costs to read so many bytes. */
const READ_COST_BYTES = 256 * 1024
/** So much of what is known of a file-server's speed is what its last read took. */
const LAST_SHARE = 1 / 4

/** Follows a read that is under way at a file-server. */
export interface NotedRead {
  /** Notes that something arrived. @returns whether the file-server was silent until then */
  hear(): boolean
  /** Notes that nobody waits for it any longer, though it is still under way. */
  giveUp(): void
  /** @param isWhole whether all has arrived; if not, the time says nothing of the speed */
  end(isWhole: boolean): void
}

/** @returns what a read costs a file-server, measured in bytes */
export function costOf(bytes: number): number {
  return READ_COST_BYTES + bytes
}

/** This is how a file-server reads, as far as its reads of late tell. */
export interface ReadPace {
  readonly isSilent: boolean
  /** A byte takes this long; it is null where nothing is known of late. */
  readonly msPerByte: number | null
  /** The reads that are under way cost so much. */
  readonly loadBytes: number
}

/**
 * Remembers how a file-server read lately. The time of a read counts for all bytes that were asked for when it began, since it
 * shared the file-server with them, and so the speed stays the same where only the load grows.
 */
export class ReadHistory {
  readonly #now: () => number
  #loadBytes = 0
  #msPerByte: number | null = null
  #measuredAt = 0
  #silentAt: number | null = null
  #heardAt = Number.NEGATIVE_INFINITY

  constructor(now: () => number) {
    this.#now = now
  }

  get pace(): ReadPace {
    const now = this.#now()
    const isBusy = this.#loadBytes > 0
    return {
      isSilent: this.#silentAt !== null && (isBusy || now - this.#silentAt < SILENT_FOR_MS),
      msPerByte: isBusy ? this.#msPerByte : this.#known,
      loadBytes: this.#loadBytes,
    }
  }

  /** Counts the milliseconds since any of its reads brought something. */
  get quietMs(): number {
    return this.#now() - this.#heardAt
  }

  noteSilence(): void {
    this.#silentAt = this.#now()
  }

  /** Notes a read that begins. It has to end. */
  begin(bytes: number): NotedRead {
    const beganAt = this.#now()
    const costBytes = costOf(bytes)
    this.#loadBytes += costBytes
    const sharedBytes = this.#loadBytes
    const msPerByte = (): number => (this.#now() - beganAt) / sharedBytes
    return {
      hear: () => this.#hear(),
      giveUp: () => this.#measureAtLeast(msPerByte()),
      end: (isWhole) => {
        this.#loadBytes -= costBytes
        if (isWhole) this.#measure(msPerByte())
      },
    }
  }

  #hear(): boolean {
    this.#heardAt = this.#now()
    const wasSilent = this.#silentAt !== null
    this.#silentAt = null
    return wasSilent
  }

  #measure(msPerByte: number): void {
    const known = this.#known
    this.#msPerByte = known === null ? msPerByte : known + (msPerByte - known) * LAST_SHARE
    this.#measuredAt = this.#now()
  }

  /** Takes the time of a read that would have taken longer. */
  #measureAtLeast(msPerByte: number): void {
    if (this.#silentAt !== null) this.noteSilence()
    this.#measure(Math.max(msPerByte, this.#known ?? 0))
  }

  get #known(): number | null {
    return this.#now() - this.#measuredAt < REMEMBER_MS ? this.#msPerByte : null
  }
}
