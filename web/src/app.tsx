import { useEffect, useState } from 'preact/hooks'
import type { FileDescription, Track } from './api/answers.ts'
import { AudioView } from './audio/audio-view.tsx'
import { createTrackList } from './audio/track-list.ts'
import { createVerdicts } from './audio/verdicts.ts'
import { ClusterView } from './cluster/cluster-view.tsx'
import { createDeletions } from './files/deletions.ts'
import { createFileList } from './files/file-list.ts'
import { rowOf } from './files/file-row.ts'
import { FilesView } from './files/files-view.tsx'
import { createShares } from './files/shares.ts'
import { connectMediaSession } from './player/media-session.ts'
import { createPlayer } from './player/player.ts'
import { PlayerBar } from './player/player-bar.tsx'
import { createNotices, NoticesProvider, Toasts } from './ui/toasts.tsx'
import { DropZone } from './uploads/drop-zone.tsx'
import { noteInterrupted, takeInterrupted } from './uploads/interrupted.ts'
import { UploadPanel } from './uploads/upload-panel.tsx'
import { createUploadQueue } from './uploads/upload-queue.ts'

/** Makes what lives as long as the page. */
function createStore() {
  const notices = createNotices()
  const shares = createShares(localStorage)
  const list = createFileList(shares)
  const deletions = createDeletions(list, notices)
  const queue = createUploadQueue('/upload', (file: FileDescription) => {
    if (!shares.keep(rowOf(file)))
      notices.showToast('This browser has no room for more links: copy the link, it is listed nowhere else', {
        tone: 'bad',
        ms: 30_000,
      })
  })
  const tracks = createTrackList()
  const verdicts = createVerdicts(tracks.replace)
  const audioQueue = createUploadQueue('/post', (track: Track) => {
    verdicts.watch(track)
    tracks.refreshSoon()
  })
  const player = createPlayer(notices)
  connectMediaSession(player)
  return { notices, list, deletions, queue, tracks, verdicts, audioQueue, player }
}

const views = { files: 'Files', audio: 'Audio', cluster: 'Cluster' } as const
type View = keyof typeof views

export function App() {
  const [store] = useState(createStore)
  const { notices, list, deletions, queue, audioQueue } = store
  const hash = useHash().slice(1)
  const view: View = hash in views ? (hash as View) : 'files'
  useEffect(() => {
    list.refresh()
    const left = takeInterrupted(sessionStorage)
    if (left !== null) notices.showToast(left, { tone: 'bad', ms: 15_000 })
    const unfinished = () => [...queue.unfinished, ...audioQueue.unfinished]
    const warn = (event: BeforeUnloadEvent) => {
      if (unfinished().length > 0) event.preventDefault()
    }
    const leave = () =>
      noteInterrupted(
        sessionStorage,
        unfinished().map(({ file }) => file.name),
      )
    const undo = (event: KeyboardEvent) => {
      const isTyping = event.target instanceof Element && event.target.closest('input, textarea') !== null
      if (event.key === 'z' && (event.ctrlKey || event.metaKey) && !event.shiftKey && !isTyping) deletions.undoLast()
    }
    const returnTo = () => {
      // Who has scrolled down keeps what is there.
      if (document.visibilityState !== 'visible' || scrollY >= innerHeight) return
      list.refresh()
      if (location.hash === '#audio') store.tracks.refresh()
    }
    addEventListener('beforeunload', warn)
    addEventListener('pagehide', leave)
    addEventListener('keydown', undo)
    document.addEventListener('visibilitychange', returnTo)
    return () => {
      removeEventListener('beforeunload', warn)
      removeEventListener('pagehide', leave)
      removeEventListener('keydown', undo)
      document.removeEventListener('visibilitychange', returnTo)
    }
  }, [])
  useEffect(() => {
    document.title = view === 'files' ? 'Holdfast' : `${views[view]} · Holdfast`
  }, [view])
  return (
    <NoticesProvider value={notices}>
      <button type="button" class="skip" onClick={() => document.getElementById('main')?.focus()}>
        Skip to the content
      </button>
      <header class="top">
        <div class="inner">
          <h1 class="brand">
            <Mark />
            Holdfast
          </h1>
          <nav aria-label="Views">
            {Object.entries(views).map(([key, text]) => (
              <a key={key} href={`#${key}`} aria-current={view === key ? 'page' : undefined}>
                {text}
              </a>
            ))}
          </nav>
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        {view === 'files' && (
          <>
            <DropZone what="files" onFiles={queue.add} />
            <UploadPanel queue={queue} />
            <FilesView list={list} deletions={deletions} />
          </>
        )}
        {view === 'audio' && <AudioView {...store} queue={audioQueue} />}
        {view === 'cluster' && <ClusterView />}
      </main>
      <PlayerBar player={store.player} verdicts={store.verdicts} />
      <Toasts />
    </NoticesProvider>
  )
}

function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" />
      <path d="M10 8v16M22 8v16M10 16h12" />
    </svg>
  )
}

function useHash(): string {
  const [hash, setHash] = useState(location.hash)
  useEffect(() => {
    const look = () => setHash(location.hash)
    addEventListener('hashchange', look)
    return () => removeEventListener('hashchange', look)
  }, [])
  return hash
}
