import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Operation } from '../load/history.ts'
import { findContradictions, judgeHistory, judgeName } from './model.ts'

type Short = [
  kind: Operation['kind'],
  bytes: string | null,
  startedAt: number,
  endedAt: number,
  outcome: Operation['outcome'],
  status?: number,
]

const refusals = { upload: 409, replace: 507, download: 404, delete: 404 }

function operation([kind, sha256, startedAt, endedAt, outcome, status]: Short): Operation {
  const told = status ?? (outcome === 'refused' ? refusals[kind] : outcome === 'acked' ? 200 : 0)
  return { name: 'n', kind, sha256, sizeBytes: 1, startedAt, endedAt, outcome, status: told }
}

const finals = (...history: Short[]) => [...judgeName(history.map(operation))].sort()

describe('what a name may hold at the end', () => {
  test.each<[string, Short[], (string | null)[]]>([
    ['nothing, before anything was sent', [], [null]],
    ['an acknowledged upload', [['upload', 'a', 0, 1, 'acked']], ['a']],
    [
      'nothing after an acknowledged delete',
      [
        ['upload', 'a', 0, 1, 'acked'],
        ['delete', null, 2, 3, 'acked'],
      ],
      [null],
    ],
    ['either, after an upload without an answer', [['upload', 'a', 0, 1, 'indeterminate']], ['a', null]],
    [
      'either, after a delete without an answer',
      [
        ['upload', 'a', 0, 1, 'acked'],
        ['delete', null, 2, 3, 'indeterminate'],
      ],
      ['a', null],
    ],
    [
      'what it held before a refusal',
      [
        ['upload', 'a', 0, 1, 'acked'],
        ['upload', 'b', 2, 3, 'refused'],
      ],
      ['a'],
    ],
    ['nothing, where an upload was refused for want of room', [['upload', 'a', 0, 1, 'refused', 507]], [null]],
    ['a replacement of nothing', [['replace', 'a', 0, 1, 'acked', 201]], ['a']],
    [
      'a replacement, or what was there where it had no answer',
      [
        ['upload', 'a', 0, 1, 'acked'],
        ['replace', 'b', 2, 3, 'acked', 200],
        ['replace', 'c', 4, 5, 'indeterminate'],
      ],
      ['b', 'c'],
    ],
    [
      'what it held before a replacement that was refused',
      [
        ['upload', 'a', 0, 1, 'acked'],
        ['replace', 'b', 2, 3, 'refused'],
      ],
      ['a'],
    ],
    [
      'the winner of two at once',
      [
        ['upload', 'a', 0, 5, 'acked'],
        ['upload', 'b', 1, 4, 'refused'],
      ],
      ['a'],
    ],
    [
      'an upload without an answer that a read has shown',
      [
        ['upload', 'a', 0, 1, 'indeterminate'],
        ['download', 'a', 2, 3, 'acked'],
      ],
      ['a'],
    ],
    [
      'an upload without an answer that comes late, after the name was free again',
      [
        ['upload', 'a', 0, 1, 'indeterminate'],
        ['upload', 'b', 2, 3, 'acked'],
        ['delete', null, 4, 5, 'acked'],
      ],
      ['a', null],
    ],
    [
      'a delete without an answer whose effect a later upload proves',
      [
        ['upload', 'a', 0, 1, 'acked'],
        ['delete', null, 2, 3, 'indeterminate'],
        ['upload', 'b', 4, 5, 'acked'],
      ],
      ['b'],
    ],
    ['what it held, after a download that was cut off', [['download', null, 0, 1, 'indeterminate']], [null]],
  ])('%s', (_name, history, expected) => {
    expect(finals(...history)).toEqual([...expected].sort())
  })
})

describe('a contradiction is found', () => {
  test.each<[string, Short[]]>([
    [
      'an acknowledged upload that is gone',
      [
        ['upload', 'a', 0, 1, 'acked'],
        ['download', null, 2, 3, 'refused'],
      ],
    ],
    [
      'other bytes than were acknowledged',
      [
        ['upload', 'a', 0, 1, 'acked'],
        ['download', 'b', 2, 3, 'acked'],
      ],
    ],
    ['bytes that nobody sent', [['download', 'a', 0, 1, 'acked']]],
    [
      'two winners of one name',
      [
        ['upload', 'a', 0, 5, 'acked'],
        ['upload', 'b', 1, 4, 'acked'],
      ],
    ],
    ['a name that is taken where nothing is', [['upload', 'a', 0, 1, 'refused']]],
    [
      'a deleted file that comes back',
      [
        ['upload', 'a', 0, 1, 'acked'],
        ['delete', null, 2, 3, 'acked'],
        ['download', 'a', 4, 5, 'acked'],
      ],
    ],
    ['a delete of nothing that says it deleted', [['delete', null, 0, 1, 'acked']]],
    [
      'a delete that finds nothing where a file is',
      [
        ['upload', 'a', 0, 1, 'acked'],
        ['delete', null, 2, 3, 'refused'],
      ],
    ],
    [
      'an upload without an answer that was there, went by itself',
      [
        ['upload', 'a', 0, 1, 'indeterminate'],
        ['download', 'a', 2, 3, 'acked'],
        ['download', null, 4, 5, 'refused'],
      ],
    ],
    [
      'an upload that was seen before it was sent',
      [
        ['download', 'a', 0, 1, 'acked'],
        ['upload', 'a', 2, 3, 'acked'],
      ],
    ],
    [
      'a replacement that says it created what was there',
      [
        ['upload', 'a', 0, 1, 'acked'],
        ['replace', 'b', 2, 3, 'acked', 201],
      ],
    ],
    [
      'a read of what was replaced',
      [
        ['upload', 'a', 0, 1, 'acked'],
        ['replace', 'b', 2, 3, 'acked', 200],
        ['download', 'a', 4, 5, 'acked'],
      ],
    ],
    [
      'a read that goes back to what was before',
      [
        ['upload', 'a', 0, 1, 'acked'],
        ['delete', null, 2, 9, 'acked'],
        ['download', null, 3, 4, 'refused'],
        ['download', 'a', 5, 6, 'acked'],
      ],
    ],
  ])('%s', (_name, history) => {
    expect(finals(...history)).toEqual([])
    expect(findContradictions(history.map(operation))).toEqual([
      expect.stringMatching(/^n: no order of these explains/),
    ])
  })
})

test('names do not mix', () => {
  const [one, other] = [operation(['upload', 'a', 0, 1, 'acked']), operation(['download', null, 2, 3, 'refused'])]
  expect(judgeHistory([one, { ...other, name: 'm' }])).toEqual(
    new Map<string, Set<string | null>>([
      ['n', new Set(['a'])],
      ['m', new Set([null])],
    ]),
  )
})

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

const step = fc.record({
  kind: fc.constantFrom('upload' as const, 'download' as const, 'delete' as const),
  isAnswered: fc.boolean(),
  isCarriedOut: fc.boolean(),
  delay: fc.integer({ min: 0, max: 3 }),
})

/** Makes the history of a store that does as it should, each operation carried out within its time. */
function honestHistory(steps: readonly Step[]) {
  let content: string | null = null
  const operations = steps.map(({ kind, isAnswered, isCarriedOut, delay }, index): Operation => {
    const bytes = kind === 'upload' ? `b${index}` : null
    const before: string | null = content
    const isDone = isAnswered || isCarriedOut
    if (isDone && kind === 'upload') content = before ?? bytes
    if (isDone && kind === 'delete') content = null
    const isAcked = kind === 'upload' ? before === null : before !== null
    const outcome = !isAnswered ? 'indeterminate' : isAcked ? 'acked' : 'refused'
    return operation([kind, kind === 'download' ? before : bytes, index - delay, index + 0.5 + delay, outcome])
  })
  return { operations, content: content as string | null }
}

test('an honest history is never accused, and the truth is among what the name may hold', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const { operations, content } = honestHistory(steps)
      expect(findContradictions(operations)).toEqual([])
      expect(judgeName(operations)).toContain(content)
    }),
    { numRuns: 300 },
  )
})
