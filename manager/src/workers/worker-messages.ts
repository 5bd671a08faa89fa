/** Speaks of one connection: it comes along, the primary asks whether the worker has it, or the worker has it or never will. */
export interface ConnectionMessage {
  readonly kind: 'connection' | 'ask' | 'taken'
  readonly number: number
}

/** A worker tells this to the primary as often as it changes. */
export interface WorkerState {
  readonly kind: 'state'
  /** File-servers dial the worker at this address of its own, on which it listens at `ownPort`. */
  readonly url: string
  readonly ownPort: number
  /** Tells whether it takes connections of the shared port. */
  readonly isServing: boolean
  readonly fileServerCount: number
}

/** The primary tells this to every worker when one of them comes, goes or gets connected. */
export interface Siblings {
  readonly kind: 'siblings'
  readonly urls: readonly string[]
  /** The best connected worker has so many file-servers. */
  readonly mostFileServers: number
}

type Message = ConnectionMessage | WorkerState | Siblings

export function isAbout<Kind extends Message['kind']>(
  message: unknown,
  kind: Kind,
): message is Message & { readonly kind: Kind } {
  return typeof message === 'object' && message !== null && 'kind' in message && message.kind === kind
}

/** @param states those of the workers that run */
export function siblingsOf(states: readonly WorkerState[]): Siblings {
  const urls = states.map(({ url }) => url).sort()
  return { kind: 'siblings', urls, mostFileServers: Math.max(0, ...states.map((state) => state.fileServerCount)) }
}
