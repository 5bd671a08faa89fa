import type { PDFDocumentProxy } from 'pdfjs-dist'
import { useEffect, useRef, useState } from 'preact/hooks'

/** A document of more pages is shown so far. */
const MOST_PAGES = 200

interface PdfProps {
  readonly url: string
  readonly onError: () => void
}

/**
 * Draws the pages of a PDF. The browser's own viewer would run in no sandbox, and a phone's browser may have none; PDF.js draws and
 * runs nothing of the document.
 */
export function PdfView({ url, onError }: PdfProps) {
  const [pdf, setPdf] = useState<PDFDocumentProxy | null>(null)
  useEffect(() => {
    let isOver = false
    let end = (): void => undefined
    open(url)
      .then(({ pdf, close }) => {
        end = close
        if (isOver) close()
        else setPdf(pdf)
      })
      .catch(() => {
        if (!isOver) onError()
      })
    return () => {
      isOver = true
      end()
    }
  }, [url])
  if (pdf === null) return <p class="loading">Loading…</p>
  const count = Math.min(pdf.numPages, MOST_PAGES)
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard has to get there
    <div class="pages" tabIndex={0} role="group" aria-label={`${pdf.numPages} pages`}>
      {Array.from({ length: count }, (_, index) => (
        <PdfPage key={index} pdf={pdf} number={index + 1} />
      ))}
      {pdf.numPages > count && <p class="note">Only the first {count} pages are shown.</p>}
    </div>
  )
}

async function open(url: string) {
  const [pdfjs, worker] = await Promise.all([
    import('pdfjs-dist/legacy/build/pdf.min.mjs'),
    import('pdfjs-dist/legacy/build/pdf.worker.min.mjs?url'),
  ])
  pdfjs.GlobalWorkerOptions.workerSrc = worker.default
  const task = pdfjs.getDocument({
    url,
    useSystemFonts: true,
    useWasm: false,
    disableAutoFetch: true,
    enableXfa: false,
  })
  const close = (): void => {
    task.destroy().catch(() => undefined)
  }
  return { pdf: await task.promise, close }
}

/** Draws a page when it is near what is looked at. */
function PdfPage({ pdf, number }: { pdf: PDFDocumentProxy; number: number }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  useEffect(() => {
    const element = canvas.current
    if (element === null) return
    let cancel = (): void => undefined
    const watch = new IntersectionObserver(
      ([entry]) => {
        if (!entry?.isIntersecting) return
        watch.disconnect()
        draw(pdf, number, element, (stop) => {
          cancel = stop
        }).catch(() => undefined)
      },
      { rootMargin: '600px' },
    )
    watch.observe(element)
    return () => {
      watch.disconnect()
      cancel()
    }
  }, [pdf, number])
  return <canvas ref={canvas} role="img" aria-label={`Page ${number}`} />
}

async function draw(
  pdf: PDFDocumentProxy,
  number: number,
  canvas: HTMLCanvasElement,
  onStart: (stop: () => void) => void,
): Promise<void> {
  const page = await pdf.getPage(number)
  const width = canvas.clientWidth * Math.min(devicePixelRatio, 2)
  const viewport = page.getViewport({ scale: width / page.getViewport({ scale: 1 }).width })
  canvas.width = Math.round(viewport.width)
  canvas.height = Math.round(viewport.height)
  const task = page.render({ canvas, viewport })
  onStart(() => task.cancel())
  await task.promise
}
