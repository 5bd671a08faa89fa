import { useEffect, useState } from 'preact/hooks'

const SHOWN_BYTES = 256 * 1024

interface TextProps {
  readonly url: string
  readonly size: number
  readonly onError: () => void
}

/** Shows the beginning of a file as text, whatever it is. */
export function TextView({ url, size, onError }: TextProps) {
  const [text, setText] = useState<string | null>(size === 0 ? '' : null)
  useEffect(() => {
    if (size === 0) return
    const stop = new AbortController()
    readBeginning(url, stop.signal).then(setText, () => {
      if (!stop.signal.aborted) onError()
    })
    return () => stop.abort()
  }, [url])
  if (text === null) return <p class="loading">Loading…</p>
  if (size === 0) return <p class="loading">This file is empty.</p>
  return (
    <div class="text">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard has to get there */}
      <pre tabIndex={0} role="group" aria-label="Contents">
        {text}
      </pre>
      {size > SHOWN_BYTES && <p class="note">Only the first 256 KiB are shown.</p>}
    </div>
  )
}

async function readBeginning(url: string, signal: AbortSignal): Promise<string> {
  const response = await fetch(url, { signal, headers: { Range: `bytes=0-${SHOWN_BYTES - 1}` } })
  if (!response.ok) throw new Error(String(response.status))
  const bytes = new Uint8Array(await response.arrayBuffer())
  const mark = (bytes[0] ?? 0) * 256 + (bytes[1] ?? 0)
  const encoding = mark === 0xfffe ? 'utf-16le' : mark === 0xfeff ? 'utf-16be' : 'utf-8'
  return new TextDecoder(encoding).decode(bytes.subarray(0, SHOWN_BYTES))
}
