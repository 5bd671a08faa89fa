import { useEffect, useId, useRef, useState } from 'preact/hooks'
import type { Track } from '../api/answers.ts'
import { creditsOf, titleOf } from '../audio/track.ts'
import type { Verdicts } from '../audio/verdicts.ts'
import { Icon } from '../ui/icons.tsx'
import { useNotices } from '../ui/toasts.tsx'
import type { Player } from './player.ts'
import { QueuePanel } from './queue-panel.tsx'
import { SeekBar } from './seek-bar.tsx'

interface BarProps {
  readonly player: Player
  readonly verdicts: Verdicts
}

/** Stands at the bottom of every view while there is something to play. */
export function PlayerBar(props: BarProps) {
  const track = props.player.current.value
  return track === null ? null : <Bar {...props} track={track} />
}

function Bar({ player, verdicts, track }: BarProps & { track: Track }) {
  const [isQueueOpen, setQueueOpen] = useState(false)
  const toggle = useRef<HTMLButtonElement>(null)
  const queueId = useId()
  const { queue, at, isPlaying, isWaiting } = player
  const { announce } = useNotices()
  useEffect(() => announce(`Playing ${titleOf(track)}`), [track.id])
  return (
    <section class="player" aria-label="Player">
      <div class="playerbar">
        <Now track={track} />
        <div class="transport">
          <button type="button" class="icon" aria-label="Previous track" onClick={player.previous}>
            <Icon name="previous" />
          </button>
          <button
            type="button"
            class={`primary round ${isPlaying.value && isWaiting.value ? 'waiting' : ''}`}
            aria-label={isPlaying.value ? 'Pause' : 'Play'}
            onClick={player.toggle}
          >
            <Icon name={isPlaying.value ? 'pause' : 'play'} />
          </button>
          <button
            type="button"
            class="icon"
            aria-label="Next track"
            // A button that is disabled would lose the focus.
            aria-disabled={at.value + 1 >= queue.value.length}
            onClick={player.next}
          >
            <Icon name="next" />
          </button>
        </div>
        <SeekBar player={player} track={track} verdicts={verdicts} />
        <div class="extras">
          <Volume player={player} />
          <button
            ref={toggle}
            type="button"
            class="icon"
            aria-label="Queue"
            aria-expanded={isQueueOpen}
            aria-controls={isQueueOpen ? queueId : undefined}
            onClick={() => setQueueOpen(!isQueueOpen)}
          >
            <Icon name="queue" />
          </button>
          <button type="button" class="icon" aria-label="Close the player" onClick={player.close}>
            <Icon name="close" />
          </button>
        </div>
      </div>
      {isQueueOpen && (
        <QueuePanel
          id={queueId}
          player={player}
          onClose={() => {
            setQueueOpen(false)
            toggle.current?.focus()
          }}
        />
      )}
    </section>
  )
}

function Now({ track }: { track: Track }) {
  const title = titleOf(track)
  return (
    <div class="now">
      <Cover key={track.id} track={track} />
      <div class="what">
        <span class="name" title={title}>
          {title}
        </span>
        <span class="note">{creditsOf(track)}</span>
      </div>
    </div>
  )
}

function Cover({ track: { cover } }: { track: Track }) {
  const [isBroken, setBroken] = useState(false)
  return (
    <span class="cover">
      {cover === null || isBroken ? (
        <Icon name="audio" />
      ) : (
        <img src={cover.url} alt="" width={48} height={48} onError={() => setBroken(true)} />
      )}
    </span>
  )
}

function Volume({ player }: { player: Player }) {
  const isSilent = player.isMuted.value
  return (
    <div class="volume">
      <button type="button" class="icon" aria-label="Mute" aria-pressed={isSilent} onClick={player.toggleMuted}>
        <Icon name={isSilent ? 'silent' : 'sound'} />
      </button>
      <input
        type="range"
        aria-label="Volume"
        min={0}
        max={1}
        step={0.05}
        value={isSilent ? 0 : player.volume.value}
        onInput={({ currentTarget }) => player.setVolume(currentTarget.valueAsNumber)}
      />
    </div>
  )
}
