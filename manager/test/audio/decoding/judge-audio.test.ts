import { expect, test } from 'vitest'
import { judgeAudio } from '../../../src/audio/decoding/judge-audio.ts'

const told = { duration: 10, isEstimated: false, sampleRate: 44_100, flaw: null }
const whole = { seconds: 10, problems: [] }

test.each([
  ['as long as it says', told, whole, null],
  ['a little shorter, as an encoder leaves it', told, { ...whole, seconds: 9.9 }, null],
  ["without its encoder's padding, at a low rate", { ...told, sampleRate: 8_000 }, { ...whole, seconds: 9.832 }, null],
  [
    'shorter than padding explains',
    { ...told, sampleRate: 8_000 },
    { ...whole, seconds: 9.6 },
    'it should take 10.00 s, and 9.60 s could be decoded',
  ],
  ['cut off', told, { ...whole, seconds: 5 }, 'it should take 10.00 s, and 5.00 s could be decoded'],
  ['longer than it says', told, { ...whole, seconds: 12 }, 'it should take 10.00 s, and has 12.00 s'],
  ['of a length that was an estimate', { ...told, isEstimated: true }, { ...whole, seconds: 5 }, null],
  ['of a length that nobody knew', { ...told, duration: null }, whole, null],
  [
    'not decoded at all',
    told,
    { seconds: 0, problems: ['[mp3 @ 0x1] Header missing'] },
    'nothing of it could be decoded: Header missing',
  ],
  ['empty, as it says', { ...told, duration: 0 }, { seconds: 0, problems: [] }, null],
  [
    'full of errors',
    told,
    { ...whole, problems: ['[flac @ 0x5] CRC error', 'x'] },
    '2 problems when it was decoded: CRC error',
  ],
  ['known to be cut', { ...told, flaw: 'its header tells of 7 more bytes' }, whole, 'its header tells of 7 more bytes'],
])('a file that is %s', (_what, fields, decoded, reason) => {
  expect(judgeAudio(fields, decoded)).toEqual({ verdict: reason === null ? 'ok' : 'damaged', reason })
})

test('a reason holds no address of this machine, and no control characters', () => {
  const problems = ['https://10.0.0.1:8000/file/a%20b: Invalid data \u0007 found']
  expect(judgeAudio(told, { seconds: 0, problems }).reason).toBe(
    'nothing of it could be decoded: the file Invalid data ? found',
  )
})
