import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { lineOf, terminalUi } from '../../src/cli/terminal-ui.ts'

test('a line tells how far a download is, how fast, from how many, and how long it takes', () => {
  const progress = {
    doneBytes: 1024 ** 2,
    totalBytes: 8 * 1024 ** 2,
    bytesPerSecond: 2.5 * 1024 ** 2,
    peers: 3,
    secondsLeft: 2.8,
  }
  expect(lineOf('film.mp4', progress)).toBe('film.mp4: 12 %, 1.0/8.0 MiB, 2.5 MiB/s, 3 peers, 3 s left')
  expect(lineOf('film.mp4', { ...progress, bytesPerSecond: 0, secondsLeft: null })).toMatch(
    /0\.0 MiB\/s, 3 peers, waiting$/,
  )
})

test('what others have written does not steer the terminal', () => {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const ui = terminalUi(stdout, stderr as unknown as NodeJS.WriteStream)
  ui.print('one\ntwo\u001b[2J')
  ui.say('go away\u009b31m\u202e\r')
  expect(String(stdout.read())).toBe('one\ntwo [2J\n')
  expect(String(stderr.read())).toBe('holdfast: go away 31m  \n')
})
