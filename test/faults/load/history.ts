/** An upload creates a file, and a replacement puts one in the place of what is there, if anything is. */
export type OperationKind = 'upload' | 'replace' | 'download' | 'delete'

const kinds: readonly OperationKind[] = ['upload', 'replace', 'download', 'delete']

/**
 * The client was told one of these.
 * acked: it was carried out.
 * refused: it was not carried out, for a reason that tells of the name (409, 412, 404) or does not (507, or nobody
 * listened).
 * indeterminate: there was no answer, or one that leaves it open; it may have been carried out, or be yet.
 */
export type Outcome = 'acked' | 'refused' | 'indeterminate'

/** Tells of one operation as its client saw it, by the client's monotonic clock in milliseconds. */
export interface Operation {
  readonly name: string
  readonly kind: OperationKind
  /** The digest is that of the bytes sent, or of those that came; it is null where there are none. */
  readonly sha256: string | null
  readonly sizeBytes: number
  readonly startedAt: number
  readonly endedAt: number
  readonly outcome: Outcome
  /** The HTTP status is 0 where no answer came. */
  readonly status: number
}

/** The name of what has a link stands in the answer. */
export type Ending = Pick<Operation, 'outcome' | 'status'> & Partial<Pick<Operation, 'name' | 'sha256' | 'sizeBytes'>>

/**
 * Keeps what clients saw outside of the system under test. An operation is listed from the moment it is sent; one that
 * never ends is indeterminate.
 */
export class History {
  readonly #operations: Operation[] = []
  readonly #counts = new Map<string, number>()
  #answeredCount = 0

  get operations(): readonly Operation[] {
    return this.#operations
  }

  /** @returns how many operations the system has answered in a way that settles them */
  get answeredCount(): number {
    return this.#answeredCount
  }

  count(outcome: Outcome, kind?: OperationKind): number {
    if (kind !== undefined) return this.#counts.get(`${kind} ${outcome}`) ?? 0
    return kinds.reduce((sum, each) => sum + this.count(outcome, each), 0)
  }

  /** @returns a function to call once with the answer. */
  begin(sent: Pick<Operation, 'name' | 'kind' | 'sha256' | 'sizeBytes'>): (ending: Ending) => void {
    const { kind } = sent
    const startedAt = performance.now()
    const open = { ...sent, startedAt, endedAt: Number.POSITIVE_INFINITY, outcome: 'indeterminate' as const, status: 0 }
    const index = this.#operations.push(open) - 1
    this.#add(kind, 'indeterminate', 1)
    return (ending) => {
      this.#operations[index] = { ...open, ...ending, endedAt: performance.now() }
      this.#add(kind, 'indeterminate', -1)
      this.#add(kind, ending.outcome, 1)
      if (ending.outcome !== 'indeterminate' && ending.status !== 0) this.#answeredCount++
    }
  }

  #add(kind: OperationKind, outcome: Outcome, change: number): void {
    this.#counts.set(`${kind} ${outcome}`, this.count(outcome, kind) + change)
  }
}

/** Tells a person what happened to a name. */
export function tellStory(operations: readonly Operation[], name: string): string {
  return operations
    .filter((operation) => operation.name === name)
    .map(({ kind, sha256, sizeBytes, startedAt, endedAt, outcome, status }) => {
      const bytes = sha256 === null ? '' : ` ${sizeBytes} bytes ${sha256.slice(0, 8)}`
      return `${kind}${bytes} ${startedAt.toFixed(0)}-${endedAt.toFixed(0)} ms ${outcome} ${status}`
    })
    .join('; ')
}
