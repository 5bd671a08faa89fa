import { creditsOf, titleOf } from '../audio/track.ts'
import { Icon } from '../ui/icons.tsx'
import type { Player, QueueEntry } from './player.ts'

/** What has been played a while ago is not shown, and of a long queue the beginning. */
const BEFORE = 3
const AFTER = 50

interface QueuePanelProps {
  readonly id: string
  readonly player: Player
  readonly onClose: () => void
}

/** Shows what comes next. */
export function QueuePanel({ id, player, onClose }: QueuePanelProps) {
  const { queue, at } = player
  const first = Math.max(0, at.value - BEFORE)
  const shown = queue.value.slice(first, at.value + AFTER)
  const left = queue.value.length - first - shown.length
  return (
    <section
      id={id}
      class="card queue"
      aria-labelledby={`${id}-title`}
      onKeyDown={(event) => {
        if (event.key === 'Escape') onClose()
      }}
    >
      <header>
        <h2 id={`${id}-title`}>Queue</h2>
        <span class="note">
          {at.value + 1} of {queue.value.length}
        </span>
        <button type="button" onClick={player.clear} aria-disabled={queue.value.length < 2}>
          Clear
        </button>
      </header>
      <ol>
        {shown.map((entry) => (
          <Entry key={entry.key} entry={entry} player={player} isCurrent={entry === queue.value[at.value]} />
        ))}
      </ol>
      {left > 0 && <p class="note more">and {left} more</p>}
    </section>
  )
}

function Entry({ entry, player, isCurrent }: { entry: QueueEntry; player: Player; isCurrent: boolean }) {
  const { key, track } = entry
  const title = titleOf(track)
  return (
    <li class={isCurrent ? 'current' : ''}>
      <button type="button" class="entry" aria-current={isCurrent} onClick={() => player.jump(key)}>
        <span class="name">{title}</span>
        <span class="note">{creditsOf(track)}</span>
      </button>
      <button
        type="button"
        class="icon"
        aria-label={`Take ${title} out of the queue`}
        onClick={({ currentTarget }) => {
          // The focus stays in the list.
          const line = currentTarget.closest('li')
          const near = line?.nextElementSibling ?? line?.previousElementSibling
          near?.querySelector<HTMLElement>('.icon')?.focus()
          player.remove(key)
        }}
      >
        <Icon name="close" />
      </button>
    </li>
  )
}
