import { useEffect, useState } from 'preact/hooks'
import { ClusterView } from './cluster/cluster-view.tsx'
import { createDeletions } from './files/deletions.ts'
import { createFileList } from './files/file-list.ts'
import { rowOf } from './files/file-row.ts'
import { FilesView } from './files/files-view.tsx'
import { createShares } from './files/shares.ts'
import { showToast, Toasts } from './ui/toasts.tsx'
import { DropZone } from './uploads/drop-zone.tsx'
import { noteInterrupted, takeInterrupted } from './uploads/interrupted.ts'
import { UploadPanel } from './uploads/upload-panel.tsx'
import { createUploadQueue } from './uploads/upload-queue.ts'

/** Makes what lives as long as the page. */
function createStore() {
  const shares = createShares(localStorage)
  const list = createFileList(shares)
  const deletions = createDeletions(list)
  const queue = createUploadQueue((file) => {
    if (!shares.keep(rowOf(file)))
      showToast('This browser has no room for more links: copy the link, it is listed nowhere else', {
        tone: 'bad',
        ms: 30_000,
      })
  })
  return { list, deletions, queue }
}

export function App() {
  const [{ list, deletions, queue }] = useState(createStore)
  const view = useHash() === '#cluster' ? 'cluster' : 'files'
  useEffect(() => {
    list.refresh()
    const left = takeInterrupted(sessionStorage)
    if (left !== null) showToast(left, { tone: 'bad', ms: 15_000 })
    const warn = (event: BeforeUnloadEvent) => {
      if (queue.unfinished.length > 0) event.preventDefault()
    }
    const leave = () =>
      noteInterrupted(
        sessionStorage,
        queue.unfinished.map(({ file }) => file.name),
      )
    const undo = (event: KeyboardEvent) => {
      const isTyping = event.target instanceof Element && event.target.closest('input, textarea') !== null
      if (event.key === 'z' && (event.ctrlKey || event.metaKey) && !event.shiftKey && !isTyping) deletions.undoLast()
    }
    const returnTo = () => {
      // Who has scrolled down keeps what is there.
      if (document.visibilityState === 'visible' && scrollY < innerHeight) list.refresh()
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
    document.title = view === 'cluster' ? 'Cluster · Holdfast' : 'Holdfast'
  }, [view])
  return (
    <>
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
            <a href="#files" aria-current={view === 'files' ? 'page' : undefined}>
              Files
            </a>
            <a href="#cluster" aria-current={view === 'cluster' ? 'page' : undefined}>
              Cluster
            </a>
          </nav>
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        {view === 'cluster' ? (
          <ClusterView />
        ) : (
          <>
            <DropZone onFiles={queue.add} />
            <UploadPanel queue={queue} />
            <FilesView list={list} deletions={deletions} />
          </>
        )}
      </main>
      <Toasts />
    </>
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
