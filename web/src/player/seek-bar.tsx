import { useEffect, useRef, useState } from 'preact/hooks'
import type { Waveform as Drawing, Track } from '../api/answers.ts'
import { requestJson } from '../api/request.ts'
import { clockText } from '../audio/track.ts'
import type { Verdicts } from '../audio/verdicts.ts'
import { useNarrow } from '../ui/virtual-rows.ts'
import { heightsOf } from './heights.ts'
import type { Player } from './player.ts'
import { Waveform } from './waveform.tsx'

const WIDE_BARS = 180
const NARROW_BARS = 90

/** Shows how far a track is, on its waveform, and goes where it is clicked, dragged or moved to by keys. */
export function SeekBar({ player, track, verdicts }: { player: Player; track: Track; verdicts: Verdicts }) {
  const bar = useRef<HTMLDivElement>(null)
  /** The pointer has dragged it there, in seconds. */
  const [dragged, setDragged] = useState<number | null>(null)
  const count = useNarrow() ? NARROW_BARS : WIDE_BARS
  const heights = useHeights(track, verdicts, count)
  const duration = player.duration.value
  const position = Math.min(dragged ?? player.position.value, duration)

  const secondsAt = ({ clientX }: PointerEvent) => {
    const { left, width } = bar.current?.getBoundingClientRect() ?? { left: 0, width: 1 }
    return Math.max(0, Math.min(1, (clientX - left) / width)) * duration
  }
  const onKeyDown = (event: KeyboardEvent) => {
    const to = {
      ArrowLeft: position - 5,
      ArrowDown: position - 5,
      ArrowRight: position + 5,
      ArrowUp: position + 5,
      PageDown: position - 30,
      PageUp: position + 30,
      Home: 0,
      End: duration,
    }[event.key]
    if (to === undefined || event.altKey || event.ctrlKey || event.metaKey) return
    event.preventDefault()
    player.seek(to)
  }
  return (
    <div class="seek">
      <span class="clock">{clockText(position)}</span>
      <div
        ref={bar}
        class="seekbar"
        role="slider"
        tabIndex={0}
        aria-label="Position"
        aria-valuemin={0}
        aria-valuemax={Math.round(duration)}
        aria-valuenow={Math.round(position)}
        aria-valuetext={`${clockText(position)} of ${clockText(duration)}`}
        onKeyDown={onKeyDown}
        onPointerDown={(event) => {
          if (event.button !== 0 || duration === 0) return
          event.currentTarget.setPointerCapture(event.pointerId)
          setDragged(secondsAt(event))
        }}
        onPointerMove={(event) => {
          if (dragged !== null) setDragged(secondsAt(event))
        }}
        onPointerUp={(event) => {
          if (dragged === null) return
          player.seek(secondsAt(event))
          setDragged(null)
        }}
        onPointerCancel={() => setDragged(null)}
      >
        <Waveform heights={heights} count={count} share={duration === 0 ? 0 : position / duration} />
      </div>
      <span class="clock">{clockText(duration)}</span>
    </div>
  )
}

/** Asks for the waveform once the file is decoded, and for the verdict until then. */
function useHeights(track: Track, verdicts: Verdicts, count: number): readonly number[] {
  const [heights, setHeights] = useState<readonly number[]>([])
  const judgement = verdicts.of(track.id)
  const isDecoded = track.verdict !== 'unknown' || judgement?.kind === 'judged'
  useEffect(() => verdicts.watch(track), [track.id])
  useEffect(() => {
    setHeights([])
    if (!isDecoded) return
    const left = new AbortController()
    const address = `/info/peaks?name=${encodeURIComponent(track.name)}&buckets=${count}`
    requestJson<Drawing>(address, { signal: left.signal }).then(
      (drawing) => setHeights(heightsOf(drawing)),
      // A file that could not be decoded at all has no waveform, and is played without.
      () => undefined,
    )
    return () => left.abort()
  }, [track.id, isDecoded, count])
  return heights
}
