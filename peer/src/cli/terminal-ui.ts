import { Presets, SingleBar } from 'cli-progress'
import type { Ui } from '../commands/peer-deps.ts'
import { plainText } from '../plain-text.ts'
import type { DownloadProgress } from '../swarm/download.ts'

/** Where there is no terminal a line comes this often. */
const LINE_EVERY_MS = 5_000

export interface TerminalUi extends Ui {
  /** Ends what is shown of the progress of a command. */
  clear(): void
}

/** Prints results on standard output, and on standard error what is beside them: a bar, or a line now and then. */
export function terminalUi(stdout: NodeJS.WritableStream, stderr: NodeJS.WriteStream): TerminalUi {
  let bar: SingleBar | null = null
  let lineAt = performance.now()
  const clear = (): void => {
    bar?.stop()
    bar = null
    lineAt = performance.now()
  }
  const start = (title: string, total: number): SingleBar => {
    const format = '{title}  {bar} {percentage}%  {amount}  {speed}  {peers} peers  {left}'
    const started = new SingleBar(
      { stream: stderr, format, clearOnComplete: true, hideCursor: true },
      Presets.shades_classic,
    )
    started.start(total, 0, { title, amount: '', speed: '', peers: 0, left: '' })
    return started
  }
  return {
    print(line) {
      clear()
      stdout.write(`${plainLines(line)}\n`)
    },
    say(line) {
      clear()
      stderr.write(`holdfast: ${plainLines(line)}\n`)
    },
    progress(name, progress) {
      const title = plainText(name)
      if (stderr.isTTY) {
        bar ??= start(title, progress.totalBytes)
        const { amount, speed, left } = textsOf(progress)
        bar.update(progress.doneBytes, { title, amount, speed, left, peers: progress.peers })
      } else if (performance.now() - lineAt > LINE_EVERY_MS) {
        lineAt = performance.now()
        stderr.write(`${lineOf(title, progress)}\n`)
      }
    },
    clear,
  }
}

/** Names in torrents and the answers of trackers are written by others. */
function plainLines(text: string): string {
  return text.split('\n').map(plainText).join('\n')
}

/** @returns a line such as `film.mp4: 12 %, 1.0/8.0 MiB, 2.5 MiB/s, 3 peers, 3 s left` */
export function lineOf(title: string, progress: DownloadProgress): string {
  const { amount, speed, left } = textsOf(progress)
  const percent = Math.floor((100 * progress.doneBytes) / Math.max(progress.totalBytes, 1))
  return `${title}: ${percent} %, ${amount}, ${speed}, ${progress.peers} peers, ${left}`
}

function textsOf({ doneBytes, totalBytes, bytesPerSecond, secondsLeft }: DownloadProgress) {
  return {
    amount: `${mebibytes(doneBytes)}/${mebibytes(totalBytes)} MiB`,
    speed: `${mebibytes(bytesPerSecond)} MiB/s`,
    left: secondsLeft === null ? 'waiting' : `${durationOf(secondsLeft)} left`,
  }
}

function mebibytes(bytes: number): string {
  return (bytes / 1024 ** 2).toFixed(1)
}

function durationOf(seconds: number): string {
  if (seconds < 120) return `${Math.ceil(seconds)} s`
  return seconds < 7_200 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3_600).toFixed(1)} h`
}
