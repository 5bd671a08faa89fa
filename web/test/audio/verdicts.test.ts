import { expect, test } from 'vitest'
import { MAX_QUESTIONS, nextQuestionMs } from '../../src/audio/verdicts.ts'

test('asks more and more seldom, and gives up after some ten minutes', () => {
  const waits = Array.from({ length: MAX_QUESTIONS }, (_, questions) => nextQuestionMs(questions))
  expect(waits[0]).toBe(1_000)
  expect(waits).toEqual([...waits].sort((a, b) => a - b))
  const minutes = waits.reduce((sum, ms) => sum + ms, 0) / 60_000
  expect(minutes).toBeGreaterThan(7)
  expect(minutes).toBeLessThan(13)
})
