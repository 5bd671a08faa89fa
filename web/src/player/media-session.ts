import { effect } from '@preact/signals'
import { titleOf } from '../audio/track.ts'
import { absolute } from '../ui/copy.ts'
import type { Player } from './player.ts'

const STEP_SECONDS = 10

/** Lets media keys and lock screens show and steer what plays (https://www.w3.org/TR/mediasession/). */
export function connectMediaSession(player: Player): void {
  if (!('mediaSession' in navigator)) return
  const session = navigator.mediaSession
  const by = (seconds: number) => player.seek(player.position.value + seconds)
  const handlers: Partial<Record<MediaSessionAction, MediaSessionActionHandler>> = {
    play: player.play,
    pause: player.pause,
    nexttrack: () => player.next(),
    previoustrack: player.previous,
    seekbackward: ({ seekOffset }) => by(-(seekOffset ?? STEP_SECONDS)),
    seekforward: ({ seekOffset }) => by(seekOffset ?? STEP_SECONDS),
    seekto: ({ seekTime }) => player.seek(seekTime ?? 0),
  }
  for (const [action, handler] of Object.entries(handlers))
    session.setActionHandler(action as MediaSessionAction, handler)

  effect(() => {
    const track = player.current.value
    if (track === null) {
      session.metadata = null
      return
    }
    const { tags, cover } = track
    session.metadata = new MediaMetadata({
      title: titleOf(track),
      artist: tags.artist ?? '',
      album: tags.album ?? '',
      artwork: cover === null ? [] : [{ src: absolute(cover.url), type: cover.contentType }],
    })
  })
  effect(() => {
    const isPlaying = player.isPlaying.value
    session.playbackState = player.current.value === null ? 'none' : isPlaying ? 'playing' : 'paused'
  })
  effect(() => {
    const duration = player.duration.value
    const position = Math.min(player.position.value, duration)
    if (duration > 0) session.setPositionState({ duration, position, playbackRate: 1 })
  })
}
