import type { Judgement } from './verdicts.ts'

/** Says what decoding a stored file showed, as soon as it is known. */
export function VerdictNote({ judgement }: { judgement: Judgement | null }) {
  if (judgement === null) return null
  switch (judgement.kind) {
    case 'waiting':
      return <> · checking…</>
    case 'open':
      return <> · not checked yet</>
    case 'undecided':
      return <> · not checked: {judgement.reason}</>
    case 'judged': {
      const { verdict, reason } = judgement.track
      if (verdict === 'ok') return <span class="verdict good"> · decodes without an error</span>
      return <span class="verdict bad"> · damaged{reason === null ? '' : `: ${reason}`}</span>
    }
    default:
      return judgement satisfies never
  }
}
