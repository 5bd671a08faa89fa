import { describe, expect, it } from 'vitest'
import { readOptions } from '../src/arguments.ts'
import { fullPlan, longPlan, quickPlan } from '../src/plan.ts'

describe('arguments of the benchmark', () => {
  it('measure every section by the full plan unless something else is said', () => {
    const options = readOptions([])
    expect(options).toMatchObject({ plan: fullPlan, beside: null, hasImage: false, isPublished: false })
    expect(options?.sections).toEqual([
      ...['small', 'large', 'replicated', 'mixed', 'servers', 'heal', 'growth', 'delete', 'audio', 'jobs'],
    ])
  })

  it.each([
    [['--quick'], quickPlan],
    [['--long'], longPlan],
  ])('%j takes another plan', (args, plan) => {
    expect(readOptions(args)?.plan).toBe(plan)
  })

  it.each([[['--only', 'large,small']], [['--only', 'large', '--only', 'small']]])(
    '%j measures these sections, in the order of the run',
    (args) => {
      expect(readOptions(args)?.sections).toEqual(['small', 'large'])
    },
  )

  it('compare with another checkout in the sections that are side by side', () => {
    const options = readOptions(['--beside', '../main'])
    expect(options).toMatchObject({ beside: '../main', sections: ['small', 'large', 'mixed', 'delete'] })
    expect(readOptions(['--beside', '../main', '--only', 'replicated,large'])?.sections).toEqual([
      'large',
      'replicated',
    ])
  })

  it.each([
    [
      ['--only', 'small,tiny'],
      '--only tiny: there are small,large,replicated,mixed,servers,heal,growth,delete,audio,jobs',
    ],
    [
      ['--beside', 'x', '--only', 'growth'],
      '--only growth: there are small,large,replicated,mixed,delete with --beside',
    ],
    [['--beside', 'x', '--publish'], '--publish writes a page that compares Holdfast with others'],
    [['--quick', '--publish'], 'its numbers are not published'],
  ])('%j is refused in a sentence', (args, sentence) => {
    expect(() => readOptions(args)).toThrow(sentence)
  })

  it('are nothing where only the usage is wanted', () => {
    expect(readOptions(['--help'])).toBeNull()
  })
})
