import { batch, computed, signal } from '@preact/signals'
import type { Track } from '../api/answers.ts'
import { titleOf } from '../audio/track.ts'
import type { Notices } from '../ui/toasts.tsx'
import { faultOf } from './fault-of.ts'

/** Of a longer list those from the chosen one on are taken. */
const MAX_QUEUE = 1_000
/** A track that has played so long begins anew before the one before it comes. */
const RESTART_SECONDS = 3
/** The player passes over at most this many tracks in a row that this browser cannot play. */
const MAX_PASSED = 3

export interface QueueEntry {
  /** A track may be in the queue several times. */
  readonly key: number
  readonly track: Track
}

/** Plays one track after the other. It lives as long as the page, whatever view is shown. */
export function createPlayer({ showToast }: Notices) {
  const element = new Audio()
  const queue = signal<readonly QueueEntry[]>([])
  const currentKey = signal(0)
  const isPlaying = signal(false)
  const isWaiting = signal(false)
  const position = signal(0)
  const measured = signal<number | null>(null)
  const isMuted = signal(false)
  const volume = signal(1)
  let lastKey = 0
  let passed = 0
  /** A track begins at this second once its bytes are there. */
  let startAt = 0

  const at = computed(() => queue.value.findIndex(({ key }) => key === currentKey.value))
  const current = computed(() => queue.value[at.value]?.track ?? null)
  const duration = computed(() => measured.value ?? current.value?.duration ?? 0)

  const entryOf = (track: Track): QueueEntry => ({ key: ++lastKey, track })

  function start(): void {
    element.play().catch((error: unknown) => {
      // What goes wrong with the file is told by the event `error`, and a track that another one follows is aborted.
      if (error instanceof DOMException && error.name === 'NotAllowedError') isPlaying.value = false
    })
  }

  function load(entry: QueueEntry | undefined, seconds = 0): void {
    if (entry === undefined) return
    batch(() => {
      currentKey.value = entry.key
      position.value = seconds
      measured.value = null
      isPlaying.value = true
      isWaiting.value = true
    })
    startAt = seconds
    element.src = entry.track.url
    start()
  }

  function step(by: 1 | -1): boolean {
    const entry = queue.peek()[at.peek() + by]
    load(entry)
    return entry !== undefined
  }

  async function fail(): Promise<void> {
    const track = current.peek()
    const key = currentKey.peek()
    if (track === null || element.error === null) return
    const fault = await faultOf(element.error, track.url)
    // The user may have gone on meanwhile.
    if (currentKey.peek() !== key || element.error === null) return
    const title = titleOf(track)
    const whys = {
      lost: 'The connection was lost',
      gone: `${title} is gone`,
      other: `This browser cannot play ${title}`,
    }
    showToast(whys[fault], { tone: 'bad' })
    if (fault !== 'lost' && ++passed <= MAX_PASSED && step(1)) return
    isPlaying.value = false
    isWaiting.value = false
  }

  const listeners = {
    timeupdate: () => {
      if (startAt === 0) position.value = element.currentTime
    },
    durationchange: () => {
      measured.value = Number.isFinite(element.duration) ? element.duration : null
    },
    loadedmetadata: () => {
      if (startAt > 0) element.currentTime = startAt
      startAt = 0
    },
    seeking: () => {
      position.value = element.currentTime
    },
    playing: () => {
      passed = 0
      isPlaying.value = true
      isWaiting.value = false
    },
    waiting: () => {
      isWaiting.value = true
    },
    pause: () => {
      isPlaying.value = false
      isWaiting.value = false
    },
    ended: () => {
      if (!step(1)) isPlaying.value = false
    },
    volumechange: () => {
      isMuted.value = element.muted
      volume.value = element.volume
    },
    error: fail,
  }
  for (const [name, listener] of Object.entries(listeners)) element.addEventListener(name, listener)

  function play(): void {
    const entry = queue.peek()[at.peek()]
    // What broke off is loaded again, and goes on where it was.
    if (element.error !== null) load(entry, position.peek())
    else if (entry !== undefined) start()
  }

  /** Ends what plays, and empties the queue. */
  function close(): void {
    element.pause()
    element.removeAttribute('src')
    // This gives up the connection.
    element.load()
    queue.value = []
  }

  return {
    queue: queue as { readonly value: readonly QueueEntry[] },
    at,
    current,
    isPlaying: isPlaying as { readonly value: boolean },
    isWaiting: isWaiting as { readonly value: boolean },
    /** It counts seconds, as `duration` does. */
    position: position as { readonly value: number },
    duration,
    isMuted: isMuted as { readonly value: boolean },
    volume: volume as { readonly value: number },
    /** Plays a track, and then those that follow it. */
    playFrom(tracks: readonly Track[], index: number): void {
      passed = 0
      const first = Math.max(0, Math.min(index, tracks.length - MAX_QUEUE))
      const entries = tracks.slice(first, first + MAX_QUEUE).map(entryOf)
      queue.value = entries
      load(entries[index - first])
    },
    /** Puts a track behind the one that plays, or at the end. */
    enqueue(track: Track, place: 'next' | 'last'): void {
      const entries = queue.peek()
      if (entries.length >= MAX_QUEUE) return void showToast('The queue is full', { tone: 'bad' })
      const entry = entryOf(track)
      queue.value = place === 'last' ? [...entries, entry] : entries.toSpliced(at.peek() + 1, 0, entry)
      if (current.peek() === null) load(entry)
      else showToast(`${titleOf(track)} is in the queue`)
    },
    jump(key: number): void {
      load(queue.peek().find((entry) => entry.key === key))
    },
    /** What plays gives way to the next one, and where there is none all ends. */
    remove(key: number): void {
      if (key === currentKey.peek() && !step(1)) close()
      else queue.value = queue.peek().filter((entry) => entry.key !== key)
    },
    /** Leaves what plays. */
    clear(): void {
      queue.value = queue.peek().filter(({ key }) => key === currentKey.peek())
    },
    close,
    play,
    pause: () => element.pause(),
    toggle(): void {
      if (isPlaying.peek()) element.pause()
      else play()
    },
    next: () => step(1),
    previous(): void {
      if (element.currentTime > RESTART_SECONDS || !step(-1)) element.currentTime = 0
    },
    seek(seconds: number): void {
      const to = Math.max(0, Math.min(seconds, duration.peek()))
      position.value = to
      if (element.readyState === HTMLMediaElement.HAVE_NOTHING) startAt = to
      else element.currentTime = to
    },
    setVolume(value: number): void {
      element.volume = value
      element.muted = value === 0
    },
    toggleMuted(): void {
      element.muted = !element.muted
      if (!element.muted && element.volume === 0) element.volume = 1
    },
  }
}

export type Player = ReturnType<typeof createPlayer>
