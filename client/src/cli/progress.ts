import { Presets, SingleBar } from 'cli-progress'

/** Work that takes less than this needs no bar. */
const SHOW_AFTER_MS = 1_000

export interface Progress extends Disposable {
  update(doneBytes: number): void
}

const silent: Progress = { update: () => undefined, [Symbol.dispose]: () => undefined }

/**
 * Shows a bar on standard error if that is a terminal and the work takes long enough. @param totalBytes is null where
 * it is unknown.
 */
export function showProgress(title: string, totalBytes: number | null, stream: NodeJS.WriteStream): Progress {
  if (!stream.isTTY) return silent
  const amounts = totalBytes === null ? '{value} MiB' : '{bar} {percentage}%  {value}/{total} MiB  {eta_formatted} left'
  const bar = new SingleBar(
    { stream, format: `{title}  ${amounts}`, clearOnComplete: true, hideCursor: true },
    Presets.shades_classic,
  )
  const mebibytes = (bytes: number): number => Math.round(bytes / 1024 ** 2)
  const startedAt = performance.now()
  let isShown = false
  return {
    update(doneBytes) {
      if (!isShown && performance.now() - startedAt < SHOW_AFTER_MS) return
      if (!isShown) bar.start(mebibytes(totalBytes ?? 0), 0, { title })
      isShown = true
      bar.update(mebibytes(doneBytes))
    },
    [Symbol.dispose]() {
      if (isShown) bar.stop()
    },
  }
}
