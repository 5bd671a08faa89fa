import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { askInTurn, type Source, type Turn } from '../../../src/chunks/reading/ask-in-turn.ts'
import { HedgeBudget } from '../../../src/chunks/reading/hedge-budget.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** Answers as the test says, and remembers what it was told. */
class ScriptedSource implements Source<string> {
  readonly turns: Turn[] = []
  readonly told: string[] = []
  give: (answer: string | null) => void = () => undefined
  fail: (error: Error) => void = () => undefined
  readonly ask = (turn: Turn): Promise<string | null> => {
    this.turns.push(turn)
    this.told.push('asked')
    return new Promise((resolve, reject) => {
      this.give = resolve
      this.fail = reject
    })
  }
  readonly onGivenUp = (): void => void this.told.push('given up')
  readonly onSilence = (): void => void this.told.push('silent')
  readonly onLate = (answer: string): void => void this.told.push(`late ${answer}`)
}

/** Uses up what hedges there are. */
function noHedges(): HedgeBudget {
  const budget = new HedgeBudget()
  for (let hedge = budget.take(); hedge !== null; hedge = budget.take()) hedge[Symbol.dispose]()
  return budget
}

function begin(count: number, hedges = new HedgeBudget()) {
  const sources = Array.from({ length: count }, () => new ScriptedSource())
  const caller = new AbortController()
  const outcome = askInTurn(sources, hedges, caller)
  outcome.catch(() => undefined)
  const [a, b, c] = sources
  if (a === undefined) throw new Error('no source')
  return { a, b: b ?? a, c: c ?? a, outcome, hedges, caller }
}

const tick = (ms: number) => vi.advanceTimersByTimeAsync(ms)

test('only one is asked where it answers in time', async () => {
  const { a, b, outcome } = begin(2)
  await tick(299)
  a.give('a')
  expect([await outcome, b.told, vi.getTimerCount()]).toEqual(['a', [], 0])
})

test('one that fails is followed by the next at once, without a hedge', async () => {
  const { a, b, outcome } = begin(2, noHedges())
  a.give(null)
  await tick(0)
  b.give('b')
  expect([await outcome, a.told, b.told]).toEqual(['b', ['asked'], ['asked']])
})

test('the next one is asked beside one that is quiet, and the loser is told to end', async () => {
  const { a, b, outcome } = begin(2)
  const signal = a.turns[0]?.signal
  await tick(310)
  expect([b.told, signal?.aborted]).toEqual([['asked'], false])
  b.give('b')
  expect(await outcome).toBe('b')
  expect([a.told, signal?.aborted, vi.getTimerCount()]).toEqual([['asked', 'given up'], true, 0])
  a.give('a')
  await tick(0)
  expect(a.told.at(-1)).toBe('late a')
})

test('the one that was quiet may win over its hedge', async () => {
  const { a, b, outcome } = begin(2)
  await tick(310)
  a.give('a')
  expect([await outcome, b.told]).toEqual(['a', ['asked', 'given up']])
})

test('one that goes on is not hedged, however long it takes', async () => {
  const { a, b, outcome } = begin(2)
  for (let step = 0; step < 50; step++) {
    await tick(290)
    a.turns[0]?.hear()
  }
  expect(b.told).toEqual([])
  a.give('a')
  expect(await outcome).toBe('a')
})

test('without a hedge the next one is asked after two seconds, in place of the silent one', async () => {
  const { a, b, outcome } = begin(2, noHedges())
  await tick(1_990)
  expect(b.told).toEqual([])
  await tick(20)
  expect([a.told, b.told]).toEqual([['asked', 'silent', 'given up'], ['asked']])
  b.give('b')
  expect(await outcome).toBe('b')
})

test('a hedge that comes free is used for one that is quiet still', async () => {
  const hedges = noHedges()
  const { a, b } = begin(2, hedges)
  await tick(310)
  for (let part = 0; part < 21; part++) hedges.notePart()
  await tick(300)
  expect([a.told, b.told]).toEqual([['asked'], ['asked']])
})

test('one that was given up for its silence is asked again where all others fail', async () => {
  const { a, b, outcome } = begin(2, noHedges())
  await tick(2_010)
  a.give(null)
  b.give(null)
  await tick(0)
  expect(a.told).toEqual(['asked', 'silent', 'given up', 'asked'])
  await tick(60_000)
  a.give('a')
  expect(await outcome).toBe('a')
})

test('a third one is asked where the hedge is quiet too', async () => {
  const { a, b, c, outcome } = begin(3)
  await tick(620)
  expect([a.told, b.told, c.told]).toEqual([['asked'], ['asked'], ['asked']])
  c.give('c')
  expect(await outcome).toBe('c')
})

test('nobody is left to ask where all have failed', async () => {
  const { a, b, outcome } = begin(2)
  await tick(310)
  a.give(null)
  b.give(null)
  expect([await outcome, a.told, b.told]).toEqual([null, ['asked'], ['asked']])
})

test('a single one is neither hedged nor given up', async () => {
  const { a, outcome } = begin(1)
  await tick(60_000)
  a.give('a')
  expect([await outcome, a.told, vi.getTimerCount()]).toEqual(['a', ['asked'], 0])
})

test('a caller that goes away ends all that are asked', async () => {
  const { a, b, outcome, caller } = begin(2)
  await tick(310)
  const signals = [a, b].map(({ turns }) => turns[0]?.signal)
  caller.abort()
  expect(signals.map((signal) => signal?.aborted)).toEqual([true, true])
  a.fail(new Error('gone'))
  await expect(outcome).rejects.toThrow('gone')
  expect([b.told, vi.getTimerCount()]).toEqual([['asked', 'given up'], 0])
})

test('hedges are over with the race: no more than ten are under way at once', async () => {
  const hedges = new HedgeBudget()
  const races = Array.from({ length: 12 }, () => begin(2, hedges))
  await tick(310)
  expect(races.filter(({ b }) => b.told.length > 0)).toHaveLength(10)
  for (const { a } of races) a.give('a')
  await Promise.all(races.map(({ outcome }) => outcome))
  for (let part = 0; part < 21; part++) hedges.notePart()
  expect(hedges.take()).not.toBeNull()
})

test('where every first one is slow, at most one part in twenty is hedged, and ten', async () => {
  const hedges = new HedgeBudget()
  let hedgedCount = 0
  for (let part = 0; part < 400; part++) {
    const { a, b, outcome } = begin(2, hedges)
    await tick(1_000)
    if (b.told.length > 0) hedgedCount++
    a.give('a')
    await outcome
  }
  expect(hedgedCount).toBeGreaterThanOrEqual(29)
  expect(hedgedCount).toBeLessThanOrEqual(30)
})
