import { useId, useMemo } from 'preact/hooks'
import { LEAST } from './heights.ts'

/** Draws a file as bars, those that are played in another color. @param heights is empty where there is no drawing yet */
export function Waveform({ heights, count, share }: { heights: readonly number[]; count: number; share: number }) {
  const id = useId()
  const length = heights.length > 0 ? heights.length : count
  const path = useMemo(() => {
    const bars = heights.length > 0 ? heights : Array.from({ length: count }, () => LEAST)
    return bars.map((height, at) => `M${at + 0.15} ${1 - height}h.7v${2 * height}h-.7z`).join('')
  }, [heights, count])
  return (
    <svg class="waveform" viewBox={`0 0 ${length} 2`} preserveAspectRatio="none" aria-hidden="true">
      <clipPath id={id}>
        <path d={path} />
      </clipPath>
      <g clip-path={`url(#${id})`}>
        <rect class="rest" width={length} height="2" />
        <rect class="played" width={length * share} height="2" />
      </g>
    </svg>
  )
}
