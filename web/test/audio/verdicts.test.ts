import { afterEach, expect, test, vi } from 'vitest'
import type { Track } from '../../src/api/answers.ts'
import { VerdictNote } from '../../src/audio/verdict-note.tsx'
import { createVerdicts, MAX_QUESTIONS, nextQuestionMs } from '../../src/audio/verdicts.ts'

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

const track: Track = {
  ...{ id: 'f'.repeat(24), name: 'a.mp3', url: '/file/a.mp3' },
  ...{ duration: 1, tags: {}, cover: null, verdict: 'unknown', reason: null },
}
/** The store answers with these, one after the other, and with the last one from then on. */
function answerWith(...answers: Partial<Track>[]) {
  vi.useFakeTimers()
  const fetch = vi.fn(async () => {
    const answer = answers.length > 1 ? answers.shift() : answers[0]
    return new Response(JSON.stringify({ ...track, ...answer }))
  })
  vi.stubGlobal('fetch', fetch)
  return fetch
}

test('asks more and more seldom, and gives up after some ten minutes', () => {
  const waits = Array.from({ length: MAX_QUESTIONS }, (_, questions) => nextQuestionMs(questions))
  expect(waits[0]).toBe(1_000)
  expect(waits).toEqual([...waits].sort((a, b) => a - b))
  const minutes = waits.reduce((sum, ms) => sum + ms, 0) / 60_000
  expect(minutes).toBeGreaterThan(7)
  expect(minutes).toBeLessThan(13)
})

test('a file that the store could not decode is asked about no longer, and has its reason', async () => {
  const reason = 'only ffmpeg could decode it, which is not installed here'
  const fetch = answerWith({}, { reason })
  const onVerdict = vi.fn()
  const verdicts = createVerdicts(onVerdict)
  verdicts.watch(track)
  await vi.advanceTimersByTimeAsync(1_200)
  expect(verdicts.of(track.id)).toEqual({ kind: 'waiting' })
  await vi.advanceTimersByTimeAsync(3_600_000)
  expect(verdicts.of(track.id)).toEqual({ kind: 'undecided', reason })
  expect(fetch).toHaveBeenCalledTimes(2)
  expect(onVerdict).not.toHaveBeenCalled()
})

test('a file that could not be decoded is said to be not checked, and why', () => {
  const note = VerdictNote({ judgement: { kind: 'undecided', reason: 'it is too large' } })
  expect(note).toMatchObject({ props: { children: [' · not checked: ', 'it is too large'] } })
})

test('a verdict is told with its track', async () => {
  answerWith({}, { verdict: 'damaged', reason: 'it is cut off' })
  const onVerdict = vi.fn()
  const verdicts = createVerdicts(onVerdict)
  verdicts.watch(track)
  await vi.advanceTimersByTimeAsync(10_000)
  const judged = { ...track, verdict: 'damaged', reason: 'it is cut off' }
  expect(verdicts.of(track.id)).toEqual({ kind: 'judged', track: judged })
  expect(onVerdict.mock.calls).toEqual([[judged]])
})
