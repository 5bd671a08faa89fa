import { open, writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { main, outcomeOf, Workplace } from './run-holdfast.ts'

const commands = [['status'], ['status', '--json'], ['--help'], ['--version'], ['rm', 'one', 'two'], ['put', 'file']]

let workplace: Workplace

beforeEach(async () => {
  workplace = await Workplace.make()
  const { files } = workplace.manager
  for (const name of ['one', 'two']) files.set(name, Buffer.from(name))
  files.set('large', Buffer.alloc(3_000_000))
  await writeFile(workplace.path('file'), 'x')
})
afterEach(() => workplace[Symbol.asyncDispose]())

describe('where nobody reads the output', () => {
  test.each(commands)('%s %s does its work and says nothing', async (...args) => {
    const child = workplace.spawn(process.execPath, [main, ...args])
    child.stdout?.destroy()
    expect(await outcomeOf(child)).toMatchObject({ code: 0, errors: '' })
    if (args[0] === 'rm') expect([...workplace.manager.files.keys()]).toEqual(['large'])
  })

  test('the bytes of a file end with 141, as other commands do', async () => {
    const { text, errors } = await workplace.bash('set -o pipefail; hf get large - | head -c 3 >/dev/null; echo $?')
    expect({ text, errors }).toEqual({ text: '141\n', errors: '' })
  })

  test('a failure keeps its exit code', async () => {
    const child = workplace.spawn(process.execPath, [main, 'get', 'missing'])
    child.stderr?.destroy()
    expect(await outcomeOf(child)).toMatchObject({ code: 3 })
  })
})

describe('where the output is full', () => {
  test.each([...commands, ['get', 'large', '-']])('%s %s says so in one sentence', async (...args) => {
    await using full = await open('/dev/full', 'w')
    const child = workplace.spawn(process.execPath, [main, ...args], { stdio: ['ignore', full.fd, 'pipe'] })
    expect(await outcomeOf(child)).toMatchObject({
      code: 1,
      errors: 'holdfast: standard output: no space left on device (ENOSPC)\n',
    })
  })
})
