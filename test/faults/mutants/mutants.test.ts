import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { mutants } from './mutants.ts'

const read = (path: string): string => readFileSync(fileURLToPath(new URL(`../../../${path}`, import.meta.url)), 'utf8')

test.each(mutants)(
  'the text of the mutant "$name" stands once in its file, and npm test runs what catches it',
  (mutant) => {
    expect(read(mutant.file).split(mutant.find)).toHaveLength(2)
    const { file, test: name } = mutant.caughtBy
    expect(file).not.toMatch(/campaigns/)
    expect(
      read(file)
        .split(/testInFull\(\s*/)
        .some((rest) => rest.startsWith(`'${name}`)),
    ).toBe(false)
  },
)
