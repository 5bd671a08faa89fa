import { useEffect, useId, useRef, useState } from 'preact/hooks'
import { countText, filesText } from '../ui/format.ts'
import { Icon } from '../ui/icons.tsx'
import { useNotices } from '../ui/toasts.tsx'
import { type FileInFolder, filesOf, MOST_DROPPED, withoutFolder } from './dropped-files.ts'

const expiries = [
  ['', 'never'],
  ['1h', 'after 1 hour'],
  ['1d', 'after 1 day'],
  ['7d', 'after 7 days'],
  ['30d', 'after 30 days'],
] as const

/** Nothing is dropped by a finger. */
const cannotDrop = matchMedia('(hover: none)')

interface DropZoneProps {
  readonly what: 'files' | 'audio'
  readonly onFiles: (files: readonly FileInFolder[], expires: string) => void
}

const texts = {
  files: {
    lead: 'Store and share files',
    note: 'Each gets a link that only you know until you share it.',
    expire: 'Links expire',
    accept: undefined,
  },
  audio: {
    lead: 'Store audio',
    note: 'Everybody who opens this page can play it.',
    expire: 'Files expire',
    accept: 'audio/*',
  },
} as const

/** Takes files that are chosen, or dropped anywhere on the page. */
export function DropZone({ what, onFiles }: DropZoneProps) {
  const expiry = useRef<HTMLSelectElement>(null)
  const [isOver, setOver] = useState(false)
  const id = useId()
  const { showToast } = useNotices()
  const { lead, note, expire, accept } = texts[what]
  const add = (files: readonly FileInFolder[]) => {
    if (files.length > 0) onFiles(files, expiry.current?.value ?? '')
  }

  useEffect(() => {
    /** Elements within the page are entered and left while the pointer stays on it. */
    let depth = 0
    const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') === true
    const enter = (event: DragEvent) => {
      if (!hasFiles(event)) return
      event.preventDefault()
      depth++
      setOver(true)
    }
    const over = (event: DragEvent) => {
      if (!hasFiles(event)) return
      event.preventDefault()
      if (event.dataTransfer !== null) event.dataTransfer.dropEffect = 'copy'
    }
    const leave = (event: DragEvent) => {
      if (hasFiles(event) && --depth <= 0) {
        depth = 0
        setOver(false)
      }
    }
    const drop = (event: DragEvent) => {
      depth = 0
      setOver(false)
      if (!hasFiles(event) || event.dataTransfer === null) return
      event.preventDefault()
      filesOf(event.dataTransfer).then(({ files, unreadable, isCut }) => {
        add(files)
        if (unreadable > 0)
          showToast(`${countText(unreadable)} of what was dropped cannot be read, and is left out`, { tone: 'bad' })
        if (isCut) showToast(`Only the first ${filesText(MOST_DROPPED)} are uploaded`, { tone: 'bad' })
      })
    }
    const listeners = { dragenter: enter, dragover: over, dragleave: leave, drop }
    for (const [name, listener] of Object.entries(listeners)) addEventListener(name, listener as EventListener)
    return () => {
      for (const [name, listener] of Object.entries(listeners)) removeEventListener(name, listener as EventListener)
    }
  }, [])

  return (
    <section class={`dropzone ${isOver ? 'over' : ''}`} aria-label="Upload">
      <div class="drophint" aria-hidden="true">
        <Icon name="upload" />
      </div>
      <div class="droptext">
        <p class="lead">
          {isOver ? 'Drop to upload' : cannotDrop.matches ? lead : `Drop ${what} anywhere on this page`}
        </p>
        <p class="note">{note}</p>
      </div>
      <div class="dropside">
        <label class="button primary choose">
          Choose {what}
          <input
            type="file"
            multiple
            accept={accept}
            class="hidden"
            onChange={({ currentTarget }) => {
              add([...(currentTarget.files ?? [])].map(withoutFolder))
              // The same file can be chosen again.
              currentTarget.value = ''
            }}
          />
        </label>
        <div class="expiry">
          <label for={id}>{expire}</label>
          <select id={id} ref={expiry}>
            {expiries.map(([value, text]) => (
              <option key={value} value={value}>
                {text}
              </option>
            ))}
          </select>
        </div>
      </div>
    </section>
  )
}
