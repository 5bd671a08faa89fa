import { generate } from 'lean-qr'
import { absolute, useCopy } from '../ui/copy.ts'
import { Dialog } from '../ui/dialog.tsx'
import type { FileRow } from './file-row.ts'

/** Shows the link of a file for a phone's camera. */
export function QrDialog({ row, onClose }: { row: Pick<FileRow, 'name' | 'url'>; onClose: () => void }) {
  const address = absolute(row.url)
  const { copyLink } = useCopy()
  const isLocal = /^(localhost|127\.|\[::1\])/.test(location.hostname)
  return (
    <Dialog title={row.name} class="narrow" onClose={onClose}>
      <div class="qr">
        <QrCode text={address} />
        <div class="linkline">
          <input readOnly aria-label="Link" value={address} onFocus={(event) => event.currentTarget.select()} />
          <button type="button" onClick={() => copyLink(row.url)}>
            Copy
          </button>
        </div>
        {isLocal && (
          <p class="note">
            This address works on this computer only. Open this page by the computer’s own name to get links for others.
          </p>
        )}
      </div>
    </Dialog>
  )
}

function QrCode({ text }: { text: string }) {
  const code = generate(text)
  const size = code.size
  let path = ''
  for (let y = 0; y < size; y++) for (let x = 0; x < size; x++) if (code.get(x, y)) path += `M${x} ${y}h1v1h-1z`
  return (
    <svg
      viewBox={`-3 -3 ${size + 6} ${size + 6}`}
      role="img"
      aria-label="QR code of the link"
      shape-rendering="crispEdges"
    >
      <rect x="-3" y="-3" width={size + 6} height={size + 6} fill="#fff" />
      <path d={path} fill="#000" />
    </svg>
  )
}
