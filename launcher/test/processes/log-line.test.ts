import { readLogLine } from '@holdfast/launcher/processes/log-line'
import { describe, expect, test } from 'vitest'

describe('a line that a child logged', () => {
  test('is shown with its fields when it is a warning or worse', () => {
    const line =
      '{"level":"warn","time":"t","process":"manager","server":"2","err":{"message":"lost","stack":"..."},"message":"away"}'
    expect(readLogLine(line)).toEqual({
      kind: 'shown',
      text: 'warn: away {"server":"2","err":"lost"}',
      cannotStart: null,
    })
  })

  test.each(['', '  ', '{"level":"info","message":"started"}', '{"level":30}'])('is hidden when it is %j', (line) => {
    expect(readLogLine(line)).toEqual({ kind: 'hidden' })
  })

  test('tells the sentence of a process that cannot start', () => {
    expect(readLogLine('{"level":"fatal","reason":"No secret.","message":"cannot start"}')).toMatchObject({
      cannotStart: 'No secret.',
    })
  })

  test.each(['Segmentation fault', '{"level":'])('is shown as it is when it is not JSON: %s', (line) => {
    expect(readLogLine(line)).toEqual({ kind: 'shown', text: line, cannotStart: null })
  })
})
