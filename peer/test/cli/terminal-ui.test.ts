import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { terminalUi } from '../../src/cli/terminal-ui.ts'

const MIB = 1024 ** 2
const progress = { doneBytes: MIB, totalBytes: 8 * MIB, bytesPerSecond: 2.5 * MIB, peers: 3, secondsLeft: 2.8 }

function open(terminal: object = {}) {
  const [stdout, stderr] = [new PassThrough(), Object.assign(new PassThrough(), terminal)]
  const ui = terminalUi(stdout, stderr as unknown as NodeJS.WriteStream)
  return { ui, said: () => String(stderr.read() ?? ''), printed: () => String(stdout.read() ?? '') }
}

test('what others have written does not steer the terminal', () => {
  const { ui, said, printed } = open()
  ui.print('one\ntwo\u001b[2J')
  ui.say('go away\u009b31m\u202e\r')
  expect(printed()).toBe('one\ntwo [2J\n')
  expect(said()).toBe('holdfast: go away 31m  \n')
})

test('a download has one line of a terminal, which is gone when something else is said', () => {
  const { ui, said, printed } = open({ isTTY: true, columns: 60 })
  ui.progress('film\u001b[2J.mp4', progress)
  ui.progress('film\u001b[2J.mp4', { ...progress, doneBytes: 2 * MIB })
  expect(said()).toBe(
    '\rfilm [2J.mp4   12 %   2.5 MiB/s   3 peers  3 s left\u001b[K\rfilm [2J.mp4   25 %   2.5 MiB/s   3 peers  3 s left\u001b[K',
  )
  ui.say('the tracker is away')
  expect(said()).toBe('\r\u001b[Kholdfast: the tracker is away\n')
  ui.progress('x', progress)
  said()
  ui.print('SUCCESSFUL DOWNLOAD')
  ui.clear()
  expect([said(), printed()]).toEqual(['\r\u001b[K', 'SUCCESSFUL DOWNLOAD\n'])
})

test('where there is no terminal a download says nothing at first', () => {
  const { ui, said } = open()
  ui.progress('film.mp4', progress)
  ui.clear()
  expect(said()).toBe('')
})
