import { expect, test } from 'vitest'
import { orderReplicas, type ReplicaView } from '../../../src/chunks/reading/order-replicas.ts'

type Named = ReplicaView & { readonly name: string }

const view = (name: string, fields: Partial<ReplicaView> = {}): Named => ({
  name,
  isBad: false,
  isAnswering: true,
  msPerByte: 1,
  loadBytes: 100,
  ...fields,
})
const namesOf = (replicas: readonly Named[], random = () => 0.5): string =>
  orderReplicas(replicas, random)
    .map(({ name }) => name)
    .join(' ')

/** Counts how often each is first. */
function firstsOf(replicas: readonly Named[], count = 10_000): Record<string, number> {
  const firsts: Record<string, number> = {}
  for (let draw = 0; draw < count; draw++) {
    const [first] = orderReplicas(replicas, Math.random)
    if (first !== undefined) firsts[first.name] = (firsts[first.name] ?? 0) + 1 / count
  }
  return firsts
}

test.each<[string, Named[], string]>([
  ['the faster one comes first', [view('a', { msPerByte: 2 }), view('b')], 'b a'],
  ['the one with less to do comes first', [view('a', { loadBytes: 200 }), view('b')], 'b a'],
  ['much to do outweighs speed', [view('a', { loadBytes: 300 }), view('b', { msPerByte: 2 })], 'b a'],
  ['one whose speed is not known counts as fast as the fastest', [view('a'), view('b', { msPerByte: null })], 'a b'],
  [
    'one whose speed is not known comes later where it has more to do',
    [view('a', { msPerByte: null, loadBytes: 200 }), view('b')],
    'b a',
  ],
  ['a silent one comes last, however fast', [view('a', { isAnswering: false, msPerByte: 0.01 }), view('b')], 'b a'],
  ['a bad one comes after a silent one', [view('a', { isBad: true }), view('b', { isAnswering: false })], 'b a'],
  [
    'a bad one that answers comes before one that does not',
    [view('a', { isBad: true, isAnswering: false }), view('b', { isBad: true }), view('c')],
    'c b a',
  ],
])('%s', (_, replicas, names) => {
  expect(namesOf(replicas)).toBe(names)
})

test('what is equally fast shares the work', () => {
  const { a = 0, b = 0 } = firstsOf([view('a'), view('b')])
  expect([a, b]).toEqual([expect.closeTo(0.5, 1), expect.closeTo(0.5, 1)])
})

test('one that is three times as slow has a tenth of the work', () => {
  const { b = 0 } = firstsOf([view('a'), view('b', { msPerByte: 3 })])
  expect(b).toBeGreaterThan(0.08)
  expect(b).toBeLessThan(0.12)
})
