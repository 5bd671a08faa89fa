import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { Blame } from '../../src/swarm/blame.ts'

const BLOCK = 16_384
const right = randomBytes(3 * BLOCK + 5)
const part = (from: number, to: number) => right.subarray(from * BLOCK, Math.min(to * BLOCK, right.length))

test('who sent a wrong piece alone is known at once', () => {
  const blame = new Blame<string>()
  blame.note(7, { source: 'liar', offset: 0, bytes: randomBytes(BLOCK) })
  expect(blame.fail(7)).toBe('liar')
  expect(blame.verify(7)).toBe(false)
})

test('of several only those are blamed whose own bytes were wrong, once the right ones are there', () => {
  const blame = new Blame<string>()
  for (let attempt = 0; attempt < 4; attempt++) {
    blame.note(0, { source: 'honest', offset: 0, bytes: part(0, 1) })
    blame.note(0, { source: 'liar', offset: BLOCK, bytes: randomBytes(BLOCK) })
    blame.note(0, { source: 'web seed', offset: 2 * BLOCK, bytes: part(2, 4) })
    expect(blame.fail(0)).toBeNull()
  }
  blame.note(0, { source: 'other', offset: 0, bytes: right })
  expect(blame.verify(0)).toBe(true)
  expect(blame.compare(0, right)).toEqual(new Set(['liar']))
  expect(blame.verify(0)).toBe(false)
})
