import { expect, test } from 'vitest'
import { HedgeBudget } from '../../../src/chunks/reading/hedge-budget.ts'

/** @returns how many hedges there are, each over at once */
function drain(budget: HedgeBudget): number {
  let count = 0
  for (let hedge = budget.take(); hedge !== null; hedge = budget.take()) {
    count++
    hedge[Symbol.dispose]()
  }
  return count
}

test('there are ten hedges to begin with, then one for every twenty parts', () => {
  const budget = new HedgeBudget()
  expect(drain(budget)).toBe(10)
  for (let part = 0; part < 101; part++) budget.notePart()
  expect(drain(budget)).toBe(5)
})

test('no more than ten are saved up', () => {
  const budget = new HedgeBudget()
  for (let part = 0; part < 1_000; part++) budget.notePart()
  expect(drain(budget)).toBe(10)
})

test('no more than ten are under way at once, however many parts are read', () => {
  const budget = new HedgeBudget()
  const hedges = Array.from({ length: 10 }, () => budget.take())
  for (let part = 0; part < 1_000; part++) budget.notePart()
  expect([hedges.includes(null), budget.take()]).toEqual([false, null])
  hedges[0]?.[Symbol.dispose]()
  expect([budget.take() !== null, budget.take()]).toEqual([true, null])
})
