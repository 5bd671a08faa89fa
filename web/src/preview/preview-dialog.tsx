import { useEffect, useState } from 'preact/hooks'
import { bytesUrl, type FileRow } from '../files/file-row.ts'
import { useCopy } from '../ui/copy.ts'
import { Dialog } from '../ui/dialog.tsx'
import { dateText, lastSegment, sizeText } from '../ui/format.ts'
import { Icon } from '../ui/icons.tsx'
import { PdfView } from './pdf-view.tsx'
import { iconOf, previewKindOf } from './preview-kind.ts'
import { TextView } from './text-view.tsx'

interface PreviewProps {
  readonly row: FileRow
  readonly onClose: () => void
  /** It is null where there is no further one in this direction. */
  readonly onPrevious: (() => void) | null
  readonly onNext: (() => void) | null
}

export function PreviewDialog({ row, onClose, onPrevious, onNext }: PreviewProps) {
  const { copyLink } = useCopy()
  useEffect(() => {
    const step = (event: KeyboardEvent) => {
      const isElsewhere = event.target instanceof Element && event.target.closest('audio, video, pre, .pages') !== null
      if (isElsewhere || event.altKey || event.ctrlKey || event.metaKey) return
      if (event.key === 'ArrowLeft') onPrevious?.()
      if (event.key === 'ArrowRight') onNext?.()
    }
    addEventListener('keydown', step)
    return () => removeEventListener('keydown', step)
  }, [onPrevious, onNext])
  return (
    <Dialog
      title={row.name}
      class="preview"
      onClose={onClose}
      tools={
        <div class="tools">
          <button
            type="button"
            class="icon"
            aria-label="Previous file"
            disabled={onPrevious === null}
            onClick={() => onPrevious?.()}
          >
            <Icon name="left" />
          </button>
          <button
            type="button"
            class="icon"
            aria-label="Next file"
            disabled={onNext === null}
            onClick={() => onNext?.()}
          >
            <Icon name="right" />
          </button>
          <button type="button" class="icon" aria-label="Copy link" onClick={() => copyLink(row.url)}>
            <Icon name="link" />
          </button>
          <a class="icon button" aria-label="Download" href={bytesUrl(row)} download={lastSegment(row.name)}>
            <Icon name="download" />
          </a>
        </div>
      }
    >
      <div class="stage" key={row.id + row.url}>
        <Stage row={row} />
      </div>
      <footer>
        <span>{sizeText(row.size)}</span>
        <span>{row.contentType.replace(/;.*$/, '')}</span>
        <span>Stored {dateText(row.uploadedAt)}</span>
        {row.expiresAt !== null && <span>Expires {dateText(row.expiresAt)}</span>}
      </footer>
    </Dialog>
  )
}

function Stage({ row }: { row: FileRow }) {
  const [isBroken, setBroken] = useState(false)
  const kind = previewKindOf(row.contentType)
  const onError = () => setBroken(true)
  if (isBroken || kind === 'none') return <NoPreview row={row} isBroken={isBroken} />
  switch (kind) {
    case 'image':
      return <img src={bytesUrl(row)} alt={row.name} onError={onError} />
    case 'video':
      // biome-ignore lint/a11y/useMediaCaption: captions of what people store are in no file of their own
      return <video src={bytesUrl(row)} controls preload="metadata" onError={onError} aria-label={row.name} />
    case 'audio':
      return (
        <div class="sound">
          <Icon name="audio" />
          {/* biome-ignore lint/a11y/useMediaCaption: captions of what people store are in no file of their own */}
          <audio src={bytesUrl(row)} controls preload="metadata" onError={onError} aria-label={row.name} />
        </div>
      )
    case 'pdf':
      return <PdfView url={bytesUrl(row)} onError={onError} />
    case 'text':
      return <TextView url={bytesUrl(row)} size={row.size} onError={onError} />
    default:
      return kind satisfies never
  }
}

function NoPreview({ row, isBroken }: { row: FileRow; isBroken: boolean }) {
  return (
    <div class="nothing">
      <Icon name={iconOf(row.contentType)} />
      <p>{isBroken ? 'This file cannot be shown here.' : 'There is no preview of this kind of file.'}</p>
      <a class="button primary" href={bytesUrl(row)} download={lastSegment(row.name)}>
        Download {sizeText(row.size)}
      </a>
    </div>
  )
}
