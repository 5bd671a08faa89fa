import type { Slot } from '@holdfast/shared/ids'
import { describe, expect, it } from 'vitest'
import { newCopyId } from '../../../../shared/test/new-copy-id.ts'
import type { Frame, FrameKind } from '../../../src/store/journal/journal-frame.ts'
import { planReplay } from '../../../src/store/tree/replay-plan.ts'
import { digestOf } from '../new-copies.ts'

const copyIn = (slot: number) => ({ copyId: newCopyId(), slot: slot as Slot, sha256: digestOf(Buffer.alloc(0)) })
const [one, two, far] = [copyIn(5), copyIn(5), copyIn(40)]
const framesOf = (...list: [FrameKind, typeof one][]): Frame[] =>
  list.map(([kind, copy], index) => ({
    kind,
    copy,
    sequence: index,
    bytes: Buffer.alloc(0),
    offset: 0,
    groupOffset: 0,
  }))
const decide = (...list: [FrameKind, typeof one][]) =>
  planReplay(framesOf(...list)).map(({ leaf, slots }) => [
    leaf,
    slots.map(({ put, gone }) => [put?.copy ?? null, gone]),
  ])

describe('planReplay', () => {
  it('lets the last frame of each slot decide', () => {
    expect(decide(['put', one])).toEqual([[0, [[one, []]]]])
    expect(decide(['put', one], ['gone', one])).toEqual([[0, [[null, [one]]]]])
    expect(decide(['put', one], ['gone', one], ['put', two])).toEqual([[0, [[two, [one]]]]])
    expect(decide(['put', one], ['gone', one], ['put', two], ['gone', two])).toEqual([[0, [[null, [one, two]]]]])
    expect(decide(['put', one], ['put', far])).toEqual([
      [0, [[one, []]]],
      [1, [[far, []]]],
    ])
  })

  it('leaves a slot alone that is settled, but for what was deleted from it', () => {
    expect(decide(['put', one], ['settled', one])).toEqual([])
    expect(decide(['put', one], ['gone', one], ['settled', two])).toEqual([[0, [[null, [one]]]]])
  })

  it('remembers no delete of a copy that came again, and keeps a copy that was displaced with no word of its end', () => {
    expect(decide(['gone', one], ['settled', one])).toEqual([])
    expect(decide(['put', one], ['gone', one], ['put', one])).toEqual([[0, [[one, []]]]])
    const displacedOf = (...list: [FrameKind, typeof one][]) =>
      planReplay(framesOf(...list)).flatMap(({ slots }) => slots.flatMap(({ displaced }) => displaced))
    for (const kind of ['put', 'settled'] as const)
      expect(displacedOf(['put', one], [kind, two]).map(({ copy }) => copy)).toEqual([one])
    for (const kind of ['gone', 'settled'] as const)
      expect(displacedOf(['put', one], [kind, one], ['put', two])).toEqual([])
  })

  it('goes by the sequence of frames, not by the order of segments', () => {
    const frames = framesOf(['put', one], ['gone', one], ['put', two])
    expect(planReplay([...frames].reverse())).toEqual(planReplay(frames))
  })
})
