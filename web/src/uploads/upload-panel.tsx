import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { StoredFile } from '../api/send-file.ts'
import { QrDialog } from '../files/qr-dialog.tsx'
import { absolute, useCopy } from '../ui/copy.ts'
import { countText, filesText, sizeText, spanText } from '../ui/format.ts'
import { Icon } from '../ui/icons.tsx'
import { useNow } from '../ui/now.ts'
import { useNotices } from '../ui/toasts.tsx'
import { noRate, type Rate, rateAfter, secondsLeft } from './rate.ts'
import { isUnfinished, totalsOf, type UploadQueue, type UploadRow, type UploadState } from './upload-queue.ts'

/** Further uploads are counted, not shown. */
const SHOWN = 40
const rank: Readonly<Record<UploadState['kind'], number>> = {
  failed: 0,
  pausing: 1,
  sending: 2,
  waiting: 3,
  stored: 4,
  cancelled: 5,
}

interface PanelProps {
  readonly queue: UploadQueue
  /** Says more of a file that is stored. */
  readonly about?: (file: StoredFile) => ComponentChildren
}

/** Shows what is being uploaded and what has been since the page was opened. */
export function UploadPanel(props: PanelProps) {
  const rows = props.queue.uploads.value
  if (rows.length === 0) return null
  return <Panel {...props} rows={rows} />
}

function Panel({ queue, about, rows }: PanelProps & { rows: readonly UploadRow[] }) {
  const now = useNow(250)
  const { announce } = useNotices()
  const { copyText } = useCopy()
  const totals = totalsOf(rows)
  const isBusy = rows.some(({ state }) => isUnfinished(state.peek()))
  const rate = useTotalRate(totals.sentBytes, now, isBusy)
  const [shown, setShown] = useState<{ name: string; url: string } | null>(null)
  useEffect(() => {
    if (isBusy || totals.count === 0) return
    announce(totals.failed === 0 ? `${filesText(totals.stored)} stored` : `${filesText(totals.failed)} not stored`)
  }, [isBusy])

  const ordered = [...rows]
    .sort((a, b) => rank[a.state.peek().kind] - rank[b.state.peek().kind] || a.id - b.id)
    .slice(0, SHOWN)
  const stored = rows.flatMap(({ state }) => {
    const value = state.peek()
    return value.kind === 'stored' ? [value.file] : []
  })
  return (
    <section class="card uploads" aria-labelledby="uploads-title">
      <header>
        <div>
          <h2 id="uploads-title">{titleOf(totals, isBusy)}</h2>
          <p class="note">{isBusy ? progressText(totals.sentBytes, totals.bytes, rate) : sizeText(totals.sentBytes)}</p>
        </div>
        {stored.length > 1 && (
          <button
            type="button"
            onClick={() =>
              copyText(stored.map(({ url }) => absolute(url)).join('\n'), `${countText(stored.length)} links copied`)
            }
          >
            <Icon name="link" />
            Copy all links
          </button>
        )}
        {isBusy ? (
          <button type="button" onClick={queue.cancelAll}>
            Cancel all
          </button>
        ) : (
          <button type="button" onClick={queue.clear}>
            Clear
          </button>
        )}
      </header>
      {isBusy && <Bar label="All uploads" value={totals.sentBytes} max={totals.bytes} />}
      <ul>
        {ordered.map((row) => (
          <UploadLine key={row.id} row={row} queue={queue} about={about} now={now} onQr={setShown} />
        ))}
      </ul>
      {rows.length > SHOWN && <p class="note more">and {filesText(rows.length - SHOWN)} more</p>}
      {shown !== null && <QrDialog row={shown} onClose={() => setShown(null)} />}
    </section>
  )
}

interface LineProps {
  readonly row: UploadRow
  readonly queue: UploadQueue
  readonly about: PanelProps['about'] | undefined
  readonly now: number
  readonly onQr: (file: { name: string; url: string }) => void
}

function UploadLine({ row, queue, about, now, onQr }: LineProps) {
  const { id, file, state } = row
  const { copyLink } = useCopy()
  const { value } = state
  const { kind } = value
  return (
    <li class={kind}>
      <div class="what">
        <span class="name" title={file.name}>
          {kind === 'stored' ? (
            <a href={value.file.url} target="_blank" rel="noopener">
              {file.name}
            </a>
          ) : (
            file.name
          )}
        </span>
        <span class="note">
          {noteOf(value, file.size, now)}
          {kind === 'stored' && about?.(value.file)}
        </span>
        {(kind === 'sending' || kind === 'pausing') && (
          <Bar
            label={file.name}
            value={kind === 'sending' ? value.sentBytes : 0}
            max={file.size}
            isSlow={kind === 'pausing'}
          />
        )}
      </div>
      <div class="buttons">
        {kind === 'stored' && (
          <>
            <button type="button" aria-label={`Copy link to ${file.name}`} onClick={() => copyLink(value.file.url)}>
              <Icon name="link" />
              Copy link
            </button>
            <button type="button" class="icon" aria-label={`QR code of ${file.name}`} onClick={() => onQr(value.file)}>
              <Icon name="qr" />
            </button>
          </>
        )}
        {(kind === 'failed' || kind === 'cancelled' || kind === 'pausing') && (
          <button type="button" aria-label={`Retry ${file.name}`} onClick={() => queue.retry(id)}>
            <Icon name="retry" />
            Retry
          </button>
        )}
        {isUnfinished(value) && (
          <button type="button" class="icon" aria-label={`Cancel ${file.name}`} onClick={() => queue.cancel(id)}>
            <Icon name="close" />
          </button>
        )}
      </div>
    </li>
  )
}

export function Bar({
  label,
  value,
  max,
  isSlow = false,
}: {
  label: string
  value: number
  max: number
  isSlow?: boolean
}) {
  const share = max === 0 ? 0 : Math.min(1, value / max)
  return (
    <div
      class={`bar ${isSlow ? 'slow' : ''}`}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.floor(share * 100)}
    >
      <div style={{ transform: `scaleX(${share})` }} />
    </div>
  )
}

function noteOf(state: UploadState, size: number, now: number): string {
  switch (state.kind) {
    case 'waiting':
      return `${sizeText(size)} · waiting`
    case 'sending':
      return state.sentBytes < size
        ? progressText(state.sentBytes, size, state.rate)
        : `${sizeText(size)} · making it durable…`
    case 'pausing': {
      const seconds = Math.ceil((state.untilMs - now) / 1_000)
      return `${state.why}. ${seconds > 0 ? `Trying again in ${seconds} s` : 'Trying again…'}`
    }
    case 'stored':
      return `${sizeText(size)} · stored`
    case 'failed':
      return `Not stored. ${state.why}`
    case 'cancelled':
      return 'Cancelled'
    default:
      return state satisfies never
  }
}

function progressText(sentBytes: number, bytes: number, rate: Rate): string {
  const left = secondsLeft(rate, bytes - sentBytes)
  const speed = left === null ? '' : ` · ${sizeText(rate.bytesPerSecond)}/s · ${spanText(left)} left`
  return `${sizeText(sentBytes)} of ${sizeText(bytes)}${speed}`
}

function titleOf({ count, stored, failed }: ReturnType<typeof totalsOf>, isBusy: boolean): string {
  if (isBusy) return count === 1 ? 'Uploading' : `Uploading · ${countText(stored)} of ${countText(count)} stored`
  if (failed > 0) return `${countText(stored)} stored, ${countText(failed)} not stored`
  return count === 0 ? 'Cancelled' : `${filesText(stored)} stored`
}

function useTotalRate(sentBytes: number, now: number, isBusy: boolean): Rate {
  const rate = useRef<Rate>(noRate(now, sentBytes))
  rate.current = isBusy ? rateAfter(rate.current, sentBytes, now) : noRate(now, sentBytes)
  return rate.current
}
