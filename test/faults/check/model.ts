import { type Operation, tellStory } from '../load/history.ts'

/** A name holds bytes with this digest, or there is no such file. */
export type Content = string | null

/** A name that needs more steps than this is a fault of the load, which should keep the history of each name short. */
const MAX_STEPS = 500_000

/**
 * The oracle sees the API as one map of names. A history is right if its operations can be put in one order, each at a
 * moment between its start and its end, in which every answer is what the map would have said (linearizability, Herlihy
 * and Wing 1990). An operation without a clear answer may take effect at any moment after its start, or never.
 * @returns what each name may hold at the end; nothing at all where its history contradicts itself
 */
export function judgeHistory(operations: readonly Operation[]): Map<string, ReadonlySet<Content>> {
  const byName = new Map<string, Operation[]>()
  for (const operation of operations) {
    const ofName = byName.get(operation.name)
    if (ofName === undefined) byName.set(operation.name, [operation])
    else ofName.push(operation)
  }
  return new Map([...byName].map(([name, ofName]) => [name, judgeName(ofName)]))
}

/** @returns one sentence for each name whose history contradicts itself */
export function findContradictions(operations: readonly Operation[]): string[] {
  return [...judgeHistory(operations)].flatMap(([name, mayHold]) =>
    mayHold.size > 0 ? [] : [`${name}: no order of these explains their answers: ${tellStory(operations, name)}`],
  )
}

/** @param operations are those of one name */
export function judgeName(operations: readonly Operation[]): ReadonlySet<Content> {
  const telling = operations.filter(isTelling).sort((a, b) => a.startedAt - b.startedAt)
  const finals = new Set<Content>()
  const seen = new Set<string>()
  const explore = (done: bigint, content: Content): void => {
    const key = `${done.toString(36)} ${content}`
    if (seen.has(key)) return
    if (seen.size >= MAX_STEPS) throw new Error(`${telling[0]?.name}: its history is too long to be judged`)
    seen.add(key)
    const open = telling.flatMap((operation, index) => ((done >> BigInt(index)) & 1n ? [] : [{ operation, index }]))
    const required = open.filter(({ operation }) => operation.outcome !== 'indeterminate')
    if (required.length === 0) finals.add(content)
    const firstEnd = Math.min(...required.map(({ operation }) => operation.endedAt))
    for (const { operation, index } of open) {
      if (operation.startedAt > firstEnd) break
      const next = apply(operation, content)
      if (next !== undefined) explore(done | (1n << BigInt(index)), next)
    }
  }
  explore(0n, null)
  return finals
}

/** @returns whether the answer, or its absence, says anything about the name. */
function isTelling({ kind, outcome, status }: Operation): boolean {
  if (outcome === 'acked') return true
  if (outcome === 'indeterminate') return kind !== 'download'
  // A replacement is refused for a reason that says nothing of the name.
  return kind === 'upload' ? status === 409 || status === 412 : kind !== 'replace' && status === 404
}

/** @returns what the name holds afterwards, or undefined where the operation could not have ended as it did. */
function apply({ kind, outcome, sha256, status }: Operation, content: Content): Content | undefined {
  const isThere = content !== null
  switch (kind) {
    case 'upload':
      if (outcome === 'refused') return isThere ? content : undefined
      return isThere ? undefined : sha256
    case 'replace':
      if (outcome === 'indeterminate') return sha256
      return isThere === (status === 200) ? sha256 : undefined
    case 'delete':
      if (outcome === 'refused') return isThere ? undefined : null
      return isThere ? null : undefined
    case 'download':
      if (outcome === 'refused') return isThere ? undefined : null
      return content === sha256 ? content : undefined
    default:
      return kind satisfies never
  }
}
