import fc from 'fast-check'
import stringWidth from 'string-width'
import { describe, expect, test } from 'vitest'
import { progressLine, progressSentence } from '../../src/cli/progress-line.ts'

const MIB = 1024 ** 2
const usual = { doneBytes: 27.6 * MIB, totalBytes: 64 * MIB, bytesPerSecond: 1.9 * MIB, peers: 1, secondsLeft: 19.2 }
const stalled = { ...usual, bytesPerSecond: 0, peers: 0, secondsLeft: null }
const begun = { doneBytes: 0, totalBytes: 1_234 * 1024 * MIB, bytesPerSecond: 30_000, peers: 12, secondsLeft: 4.4e7 }
const whole = { ...usual, doneBytes: 64 * MIB, bytesPerSecond: 112 * MIB, peers: 200, secondsLeft: 0 }
const hashed = { ...usual, bytesPerSecond: 512 * MIB, peers: null, secondsLeft: 1 }
const long = 'A very long name that nobody would ever choose, S01E02.mkv'
const wide = '日本語の映画のとても長い名前です、第二話.mkv'

describe('a terminal shows as much as it has room for', () => {
  test.each([
    [
      'film.mp4',
      usual,
      160,
      'film.mp4  █████████████████░░░░░░░░░░░░░░░░░░░░░░░   43 %  27.6/64.0 MiB   1.9 MiB/s    1 peer  20 s left',
    ],
    ['film.mp4', usual, 80, 'film.mp4  ████░░░░░░░   43 %  27.6/64.0 MiB   1.9 MiB/s    1 peer  20 s left'],
    ['film.mp4', stalled, 80, 'film.mp4  ████░░░░░░░   43 %  27.6/64.0 MiB     0 KiB/s   0 peers  waiting'],
    ['film.mp4', begun, 80, 'film.mp4    0 %     0.0/1234.0 GiB    29 KiB/s  12 peers  509 d left'],
    ['film.mp4', whole, 80, 'film.mp4  100 %  64.0/64.0 MiB  112.0 MiB/s  200 peers  finishing'],
    ['film.mp4', hashed, 80, 'film.mp4  ████░░░░░░   43 %  27.6/64.0 MiB  512.0 MiB/s   hashing  1 s left'],
    ['film.mp4', usual, 60, 'film.mp4   43 %   1.9 MiB/s    1 peer  20 s left'],
    ['film.mp4', usual, 40, 'film.mp4   43 %  20 s left'],
    ['film.mp4', stalled, 40, 'film.mp4   43 %  waiting'],
    ['film.mp4', usual, 30, 'film.mp4   43 %  20 s left'],
    ['film.mp4', usual, 20, 'film.mp4  43 %'],
    ['film.mp4', usual, 12, 'fi…  43 %'],
    ['film.mp4', usual, 6, '43'],
    [
      long,
      usual,
      100,
      'A very long name th…01E02.mkv  ████░░░░░░   43 %  27.6/64.0 MiB   1.9 MiB/s    1 peer  20 s left',
    ],
    [long, usual, 80, 'A very long na…02.mkv   43 %  27.6/64.0 MiB   1.9 MiB/s    1 peer  20 s left'],
    [long, usual, 40, 'A very long …2.mkv   43 %  20 s left'],
    [wide, usual, 80, '日本語の映画の…話.mkv   43 %  27.6/64.0 MiB   1.9 MiB/s    1 peer  20 s left'],
    [wide, usual, 40, '日本語の映画….mkv   43 %  20 s left'],
    ['', usual, 30, '43 %  20 s left'],
  ])('%s, %j, %d columns', (title, progress, columns, line) => {
    expect(progressLine(title, progress, columns)).toBe(line)
  })

  test('and never more, whatever a file is called', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 80 }),
        fc.record({
          doneBytes: fc.nat(),
          totalBytes: fc.nat(),
          bytesPerSecond: fc.double({ min: 0, max: 1e12, noNaN: true }),
          peers: fc.nat(300),
          secondsLeft: fc.option(fc.double({ min: 0, noNaN: true })),
        }),
        fc.integer({ min: 4, max: 200 }),
        (title, progress, columns) => {
          expect(stringWidth(progressLine(title, progress, columns))).toBeLessThan(columns - 2)
        },
      ),
    )
  })

  test('figures keep their places while they change', () => {
    const lines = [
      { ...usual, peers: 2 },
      { ...usual, doneBytes: 9 * MIB, bytesPerSecond: 99 * MIB, peers: 10, secondsLeft: 119 },
    ]
    const [one = '', other = ''] = lines.map((progress) => progressLine('film.mp4', progress, 120))
    for (const mark of ['%', 'MiB ', 'MiB/s', ' peer']) expect(other.indexOf(mark)).toBe(one.indexOf(mark))
  })
})

test.each([
  [usual, 'film.mp4: 43 %, 27.6/64.0 MiB, 1.9 MiB/s, 1 peer, 20 s left'],
  [{ ...usual, peers: 3, secondsLeft: 240 }, 'film.mp4: 43 %, 27.6/64.0 MiB, 1.9 MiB/s, 3 peers, 4 min left'],
  [{ ...usual, secondsLeft: 9_000 }, 'film.mp4: 43 %, 27.6/64.0 MiB, 1.9 MiB/s, 1 peer, 2.5 h left'],
  [{ ...stalled, doneBytes: 0, totalBytes: 2_048 }, 'film.mp4: 0 %, 0/2 KiB, 0 KiB/s, 0 peers, waiting'],
])('where there is no terminal %j is a sentence', (progress, sentence) => {
  expect(progressSentence('film.mp4', progress)).toBe(sentence)
})
