import { signal } from '@preact/signals'
import type { Track } from '../api/answers.ts'
import { RequestError, requestJson } from '../api/request.ts'

/** The store decodes one file at a time, so one question at a time is enough. */
const PAUSE_MS = 150
const FIRST_MS = 1_000
const LONGEST_MS = 30_000
/** So many take some ten minutes. The store may come to a verdict much later, or never. */
export const MAX_QUESTIONS = 25
/** What has waited longest goes when more are watched. */
const MAX_WATCHED = 1_000

export type Judgement =
  | { readonly kind: 'waiting' }
  /** No verdict came while it was waited for. */
  | { readonly kind: 'open' }
  /** The store could not decode it, and tries that again much later, if at all. */
  | { readonly kind: 'undecided'; readonly reason: string }
  | { readonly kind: 'judged'; readonly track: Track }

interface Watched {
  readonly name: string
  questions: number
  dueAt: number
}

/** @param questions how many have been asked */
export function nextQuestionMs(questions: number): number {
  return Math.min(LONGEST_MS, FIRST_MS * 1.5 ** questions)
}

/** Asks for the verdicts of files that are not decoded yet. @param onVerdict hears of each that comes */
export function createVerdicts(onVerdict: (track: Track) => void) {
  const judgements = signal<ReadonlyMap<string, Judgement>>(new Map())
  const watched = new Map<string, Watched>()
  let isAsking = false

  function tell(id: string, judgement: Judgement): void {
    const known = new Map(judgements.peek()).set(id, judgement)
    for (const oldest of known.keys()) {
      if (known.size <= MAX_WATCHED) break
      known.delete(oldest)
      watched.delete(oldest)
    }
    judgements.value = known
    if (judgement.kind !== 'waiting') watched.delete(id)
    if (judgement.kind === 'judged') onVerdict(judgement.track)
  }

  async function ask(id: string, one: Watched): Promise<void> {
    one.questions++
    one.dueAt = Date.now() + nextQuestionMs(one.questions)
    try {
      const track = await requestJson<Track>(`/info?name=${encodeURIComponent(one.name)}`)
      // The name may have another file meanwhile.
      if (track.id !== id) return tell(id, { kind: 'open' })
      if (track.verdict !== 'unknown') return tell(id, { kind: 'judged', track })
      if (track.reason !== null) return tell(id, { kind: 'undecided', reason: track.reason })
    } catch (error) {
      if (error instanceof RequestError && error.status === 404) return tell(id, { kind: 'open' })
    }
    if (one.questions >= MAX_QUESTIONS) tell(id, { kind: 'open' })
  }

  async function askOn(): Promise<void> {
    if (isAsking) return
    isAsking = true
    while (watched.size > 0) {
      const [id, next] = [...watched].reduce((first, one) => (one[1].dueAt < first[1].dueAt ? one : first))
      const waitMs = Math.max(PAUSE_MS, next.dueAt - Date.now())
      await new Promise((resolve) => setTimeout(resolve, waitMs))
      if (watched.has(id)) await ask(id, next)
    }
    isAsking = false
  }

  return {
    watch(track: Track): void {
      if (track.verdict !== 'unknown' || watched.has(track.id)) return
      watched.set(track.id, { name: track.name, questions: 0, dueAt: Date.now() + FIRST_MS })
      tell(track.id, { kind: 'waiting' })
      askOn()
    },
    /** @returns null of a file that is not watched */
    of: (id: string): Judgement | null => judgements.value.get(id) ?? null,
  }
}

export type Verdicts = ReturnType<typeof createVerdicts>
