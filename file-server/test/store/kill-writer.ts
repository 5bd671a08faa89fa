import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { NamedCopy } from '@holdfast/shared/wire/shapes'
import { afterEach, expect } from 'vitest'

const rootOf = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url))

type Told = Readonly<Record<string, Map<string, NamedCopy>>>

/**
 * @returns runs the writer on a data directory until it has told of so many answers, then kills it in the middle of its
 * work; `told` collects what it told, by kind and copyId
 */
export function useWriter(script: 'store-writer' | 'journal-writer') {
  const children: ChildProcess[] = []
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL')
  })
  return async (directory: string, answers: number, told: Told, failpoint = ''): Promise<void> => {
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', rootOf(`file-server/test/store/${script}.ts`), directory],
      {
        cwd: rootOf('.'),
        env: { ...process.env, TSX_TSCONFIG_PATH: rootOf('tsconfig.check.json'), FP: failpoint },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    children.push(child)
    const gone = once(child, 'exit')
    let count = 0
    for await (const line of createInterface({ input: child.stdout })) {
      const { kind, ...copy } = JSON.parse(line) as NamedCopy & { kind: string }
      told[kind]?.set(copy.copyId, copy)
      if (++count === answers) child.kill('SIGKILL')
    }
    expect((await gone)[1]).toBe('SIGKILL')
  }
}
