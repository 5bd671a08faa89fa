import { useEffect, useRef } from 'preact/hooks'
import type { TrackQuery } from './track-list.ts'

const APPLY_AFTER_MS = 300

interface DurationFilterProps {
  readonly query: Pick<TrackQuery, 'minMinutes' | 'maxMinutes'>
  readonly onChange: (bounds: Partial<TrackQuery>) => void
}

/** Takes bounds of the duration in minutes, such as 2.5. A field that is empty is no bound. */
export function DurationFilter({ query, onChange }: DurationFilterProps) {
  const { minMinutes, maxMinutes } = query
  return (
    <fieldset class="durations" aria-label="Duration">
      <span aria-hidden="true">Duration</span>
      <Bound label="Shortest, in minutes" value={minMinutes} onChange={(value) => onChange({ minMinutes: value })} />
      <span aria-hidden="true">to</span>
      <Bound label="Longest, in minutes" value={maxMinutes} onChange={(value) => onChange({ maxMinutes: value })} />
      <span aria-hidden="true">min</span>
    </fieldset>
  )
}

interface BoundProps {
  readonly label: string
  readonly value: number | null
  readonly onChange: (value: number | null) => void
}

function Bound({ label, value, onChange }: BoundProps) {
  const field = useRef<HTMLInputElement>(null)
  const timer = useRef(0)
  useEffect(() => {
    if (field.current !== null && value === null) field.current.value = ''
  }, [value])
  return (
    <input
      ref={field}
      type="number"
      inputMode="decimal"
      min={0}
      step="any"
      placeholder="any"
      aria-label={label}
      defaultValue={value ?? ''}
      onInput={({ currentTarget }) => {
        clearTimeout(timer.current)
        const { valueAsNumber, validity } = currentTarget
        // What is half written is no bound, and does not take away the one that is there.
        if (validity.badInput || validity.rangeUnderflow) return
        timer.current = window.setTimeout(
          () => onChange(Number.isNaN(valueAsNumber) ? null : valueAsNumber),
          APPLY_AFTER_MS,
        )
      }}
    />
  )
}
