import { PassThrough } from 'node:stream'
import { expect, test, vi } from 'vitest'
import { Prompt } from '../../src/cli/prompt.ts'

const CTRL_C = '\u0003'
const CTRL_D = '\u0004'

/** A prompt at a terminal of 80 columns, whose lines are carried out until they are ended. */
function open(isTty = true) {
  const [stdin, stderr] = [new PassThrough(), new PassThrough()].map((stream) =>
    Object.assign(stream, { isTTY: isTty, columns: 80 }),
  )
  const shown = () => String(stderr?.read() ?? '')
  const leave = vi.fn()
  const prompt = new Prompt({ stdin, stderr } as unknown as NodeJS.Process, leave)
  const begun: string[] = []
  const ends: (() => void)[] = []
  const interrupted: string[] = []
  const stop = new AbortController()
  const over = prompt.run(async (line, signal) => {
    begun.push(line)
    signal.addEventListener('abort', () => interrupted.push(line))
    await new Promise<void>((resolve) => {
      ends.push(resolve)
      signal.addEventListener('abort', () => resolve())
    })
  }, stop.signal)
  return { prompt, stdin, shown, leave, begun, interrupted, stop, over, end: () => ends.shift()?.() }
}

test('Ctrl-C ends the command that runs, and no other; between commands it leaves', async () => {
  const { stdin, leave, begun, interrupted, shown } = open()
  stdin?.write('download a b\r')
  await vi.waitFor(() => expect(begun).toEqual(['download a b']), { timeout: 10_000 })
  stdin?.write(CTRL_C)
  await vi.waitFor(() => expect(interrupted).toEqual(['download a b']), { timeout: 10_000 })
  stdin?.write('list\r')
  await vi.waitFor(() => expect(begun).toEqual(['download a b', 'list']), { timeout: 10_000 })
  expect(leave).not.toHaveBeenCalled()
  shown()
  stdin?.write(CTRL_C)
  await vi.waitFor(() => expect(interrupted).toEqual(['download a b', 'list']), { timeout: 10_000 })
  await vi.waitFor(() => expect(shown()).toContain('> '), { timeout: 10_000 })
  stdin?.write(`half a line${CTRL_C}`)
  await vi.waitFor(() => expect(stdin?.readableLength).toBe(0), { timeout: 10_000 })
  expect(leave).not.toHaveBeenCalled()
  stdin?.write(CTRL_C)
  await vi.waitFor(() => expect(leave).toHaveBeenCalled(), { timeout: 10_000 })
  expect(begun).toHaveLength(2)
})

test('what is typed while a command runs does not disturb what it shows, and is carried out afterwards', async () => {
  const { stdin, shown, begun, end } = open()
  stdin?.write('download a b\r')
  await vi.waitFor(() => expect(begun).toHaveLength(1), { timeout: 10_000 })
  shown()
  stdin?.write('list\rsea')
  await vi.waitFor(() => expect(stdin?.readableLength).toBe(0), { timeout: 10_000 })
  expect(shown()).toBe('')
  end()
  await vi.waitFor(() => expect(begun).toEqual(['download a b', 'list']), { timeout: 10_000 })
  expect(shown()).toMatch(/> sea\S*\r> list\S*\n$/)
  end()
  await vi.waitFor(() => expect(shown()).toMatch(/> sea/), { timeout: 10_000 })
})

test('Ctrl-D leaves, and the end of what is no terminal does not', async () => {
  const { stdin, leave, over, prompt, shown } = open()
  stdin?.write(CTRL_D)
  await vi.waitFor(() => expect(leave).toHaveBeenCalled(), { timeout: 10_000 })
  await over
  prompt.close()
  expect(shown()).toMatch(/> \S*\n$/)

  const script = open(false)
  script.stdin?.end('list\nstop\n')
  await vi.waitFor(() => expect(script.begun).toEqual(['list']), { timeout: 10_000 })
  script.end()
  await vi.waitFor(() => expect(script.begun).toEqual(['list', 'stop']), { timeout: 10_000 })
  script.end()
  await script.over
  expect(script.leave).not.toHaveBeenCalled()
  expect(script.shown()).toBe('')
})

test('once it is ended no further line is begun', async () => {
  const { stdin, begun, stop, over } = open(false)
  stdin?.write('one\ntwo\n')
  await vi.waitFor(() => expect(begun).toEqual(['one']), { timeout: 10_000 })
  stop.abort()
  await over
  expect(begun).toEqual(['one'])
})
