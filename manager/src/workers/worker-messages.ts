/** Of one connection: it comes along; does the worker have it; the worker has it, or never will. */
export interface ConnectionMessage {
  readonly kind: 'connection' | 'ask' | 'taken'
  readonly number: number
}

/** What a worker tells the primary, as often as it changes. */
export interface WorkerState {
  readonly kind: 'state'
  /** Its own address, as file-servers dial it, and the port it listens on there. */
  readonly url: string
  readonly ownPort: number
  /** Whether it takes connections of the shared port. */
  readonly isServing: boolean
  readonly fileServerCount: number
}

/** What the primary tells every worker when one of them comes, goes or gets connected. */
export interface Siblings {
  readonly kind: 'siblings'
  readonly urls: readonly string[]
  /** How many file-servers the best connected worker has. */
  readonly mostFileServers: number
}

export function isWorkerState(message: unknown): message is WorkerState {
  return isKind(message, 'state')
}

export function isSiblings(message: unknown): message is Siblings {
  return isKind(message, 'siblings')
}

export function isAbout(message: unknown, kind: ConnectionMessage['kind']): message is ConnectionMessage {
  return isKind(message, kind)
}

function isKind(message: unknown, kind: string): boolean {
  return typeof message === 'object' && message !== null && 'kind' in message && message.kind === kind
}

/** @param states of the workers that run. */
export function siblingsOf(states: readonly WorkerState[]): Siblings {
  const urls = states.map(({ url }) => url).sort()
  return { kind: 'siblings', urls, mostFileServers: Math.max(0, ...states.map((state) => state.fileServerCount)) }
}
