import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { bottomOfView } from './view-bottom.ts'

const WIDE_ROW = 52
const NARROW_ROW = 66
/** So many rows beyond what is seen are there, so that a scroll shows rows and not gaps. */
const OVERSCAN = 8

interface RowsWish {
  /** These rows have been read. */
  readonly rows: readonly unknown[]
  readonly rowCount: number
  /** Hears up to which row is looked at. */
  readonly onWant: (index: number) => void
}

/** Places of any number of rows those that are in the window, and moves the focus among them by keys. The page itself scrolls. */
export function useVirtualRows({ rows, rowCount, onWant }: RowsWish) {
  const body = useRef<HTMLDivElement>(null)
  const rowHeight = useNarrow() ? NARROW_ROW : WIDE_ROW
  const range = useVisibleRange(body, rowHeight, rowCount)
  const [active, setActive] = useState(0)
  const wantsFocus = useRef(false)
  const activeIndex = Math.min(active, Math.max(0, rows.length - 1))

  useEffect(() => onWant(range.end), [range.end, rows])
  useLayoutEffect(() => {
    if (!wantsFocus.current) return
    wantsFocus.current = false
    body.current?.querySelector<HTMLElement>(`[data-index="${activeIndex}"] .name`)?.focus({ preventScroll: true })
  })

  const indices = Array.from({ length: range.end - range.start }, (_, offset) => range.start + offset)
  // The row that has the focus stays, however far it is scrolled away.
  if (rows.length > 0 && (activeIndex < range.start || activeIndex >= range.end)) indices.push(activeIndex)

  const moveTo = (index: number) => {
    const to = Math.max(0, Math.min(rows.length - 1, index))
    wantsFocus.current = true
    setActive(to)
    scrollToRow(body.current, to * rowHeight, rowHeight)
  }
  return {
    body,
    height: `${rowCount * rowHeight}px`,
    indices,
    activeIndex,
    setActive,
    placeOf: (index: number) => ({ transform: `translateY(${index * rowHeight}px)`, height: `${rowHeight}px` }),
    /** The focus goes to the row that is active once it is drawn. */
    keepFocus(): void {
      wantsFocus.current = true
    },
    /** @returns whether the key moves the focus */
    moveBy(key: string): boolean {
      const perPage = Math.max(1, Math.floor(innerHeight / rowHeight) - 3)
      const steps: Record<string, number> = {
        ArrowDown: 1,
        ArrowUp: -1,
        PageDown: perPage,
        PageUp: -perPage,
        Home: -1e9,
        End: 1e9,
      }
      const step = steps[key]
      if (step === undefined) return false
      moveTo(activeIndex + step)
      return true
    },
  }
}

export type RowPlace = ReturnType<ReturnType<typeof useVirtualRows>['placeOf']>

const narrow = matchMedia('(max-width: 640px)')

/** @returns whether the window is as wide as a phone */
export function useNarrow(): boolean {
  const [isNarrow, setNarrow] = useState(narrow.matches)
  useEffect(() => {
    const look = () => setNarrow(narrow.matches)
    narrow.addEventListener('change', look)
    return () => narrow.removeEventListener('change', look)
  }, [])
  return isNarrow
}

/** @returns the indices of the rows that are in the window, or near it */
function useVisibleRange(body: { readonly current: HTMLElement | null }, rowHeight: number, rowCount: number) {
  const [range, setRange] = useState({ start: 0, end: Math.min(rowCount, 30) })
  useLayoutEffect(() => {
    let frame = 0
    const look = () => {
      frame = 0
      const top = body.current?.getBoundingClientRect().top ?? 0
      const start = Math.max(0, Math.floor(-top / rowHeight) - OVERSCAN)
      const end = Math.min(rowCount, Math.ceil((innerHeight - top) / rowHeight) + OVERSCAN)
      const next = { start: Math.min(start, rowCount), end: Math.max(Math.min(start, rowCount), end) }
      setRange((now) => (now.start === next.start && now.end === next.end ? now : next))
    }
    const lookSoon = () => {
      if (frame === 0) frame = requestAnimationFrame(look)
    }
    look()
    addEventListener('scroll', lookSoon, { passive: true })
    addEventListener('resize', lookSoon)
    // What stands above grows and shrinks.
    const above = new ResizeObserver(lookSoon)
    above.observe(document.body)
    return () => {
      cancelAnimationFrame(frame)
      removeEventListener('scroll', lookSoon)
      removeEventListener('resize', lookSoon)
      above.disconnect()
    }
  }, [rowHeight, rowCount])
  return { start: Math.min(range.start, rowCount), end: Math.min(range.end, rowCount) }
}

/** Scrolls as little as is needed for a row to be seen below what sticks to the top, and above the player. */
function scrollToRow(body: HTMLElement | null, offset: number, height: number): void {
  if (body === null) return
  const top = body.getBoundingClientRect().top + offset
  const [upper, lower] = [120, bottomOfView() - 24]
  if (top < upper) scrollBy(0, top - upper)
  else if (top + height > lower) scrollBy(0, top + height - lower)
}
