import { useEffect, useState } from 'preact/hooks'
import { messageOf, RequestError, requestText } from '../api/request.ts'
import { useCopy } from '../ui/copy.ts'
import { Dialog } from '../ui/dialog.tsx'
import { Icon } from '../ui/icons.tsx'
import type { FileRow } from './file-row.ts'

const TRY_AGAIN_MS = 2_000

type Answer =
  | { readonly kind: 'magnet'; readonly link: string }
  | { readonly kind: 'waiting' | 'failed'; readonly why: string }

interface TorrentDialogProps {
  readonly file: Pick<FileRow, 'id' | 'name'>
  readonly onClose: () => void
}

/** Gives a file's torrent and its magnet link, for BitTorrent clients. */
export function TorrentDialog({ file, onClose }: TorrentDialogProps) {
  const answer = useMagnet(file.id)
  const { copyText } = useCopy()
  return (
    <Dialog title={file.name} class="narrow" onClose={onClose}>
      <div class="torrent">
        <p>A BitTorrent client loads this file from the store, and from others who have it.</p>
        {answer.kind === 'magnet' ? (
          <>
            <div class="linkline">
              <input
                readOnly
                aria-label="Magnet link"
                value={answer.link}
                onFocus={(event) => event.currentTarget.select()}
              />
              <button type="button" onClick={() => copyText(answer.link, 'Magnet link copied')}>
                Copy
              </button>
            </div>
            <div class="buttons">
              <a class="button primary" href={`/torrent/${file.id}`} download>
                <Icon name="download" />
                Torrent file
              </a>
              <a class="button" href={answer.link}>
                <Icon name="peers" />
                Open in a client
              </a>
            </div>
            {file.id.length === 32 && (
              <p class="note">The torrent holds your link: whoever has it can open the file.</p>
            )}
          </>
        ) : (
          <p class={answer.kind === 'failed' ? 'problem' : 'note'} role="status">
            {answer.why}
          </p>
        )}
      </div>
    </Dialog>
  )
}

/** Asks until the file's pieces are hashed, which takes a while the first time, or until the dialog is closed. */
function useMagnet(id: string): Answer {
  const [answer, setAnswer] = useState<Answer>({ kind: 'waiting', why: 'The file is being hashed…' })
  useEffect(() => {
    const closed = new AbortController()
    const { signal } = closed
    let timer = 0
    const ask = async () => {
      try {
        const text = await requestText(`/torrent/${id}?magnet`, { signal })
        if (!signal.aborted) setAnswer({ kind: 'magnet', link: text.trim() })
      } catch (error) {
        if (signal.aborted) return
        const isLater = error instanceof RequestError && (error.status === 503 || error.status === 0)
        if (!isLater) return setAnswer({ kind: 'failed', why: messageOf(error) })
        setAnswer({ kind: 'waiting', why: `${error.message}. Trying again…` })
        timer = window.setTimeout(ask, error.retryAfterMs ?? TRY_AGAIN_MS)
      }
    }
    ask()
    return () => {
      clearTimeout(timer)
      closed.abort()
    }
  }, [id])
  return answer
}
