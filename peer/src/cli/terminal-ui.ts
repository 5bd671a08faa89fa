import { plainText } from '@holdfast/shared/plain-text'
import type { Ui } from '../commands/peer-deps.ts'
import { progressLine, progressSentence } from './progress-line.ts'

/** Where there is no terminal a line comes this often. */
const LINE_EVERY_MS = 5_000
/** By ECMA-48 the cursor goes to the start of its line, and what stands from there to its end is cleared. */
const [TO_START, CLEAR_REST] = ['\r', '\u001b[K']

export interface TerminalUi extends Ui {
  /** Ends what is shown of the progress of a command. */
  clear(): void
}

/** Prints results on standard output, and on standard error what is beside them: a bar, or a line now and then. */
export function terminalUi(stdout: NodeJS.WritableStream, stderr: NodeJS.WriteStream): TerminalUi {
  let isBarShown = false
  let lineAt = performance.now()
  const clear = (): void => {
    if (isBarShown) stderr.write(TO_START + CLEAR_REST)
    isBarShown = false
    lineAt = performance.now()
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
        stderr.write(TO_START + progressLine(title, progress, stderr.columns) + CLEAR_REST)
        isBarShown = true
      } else if (performance.now() - lineAt > LINE_EVERY_MS) {
        lineAt = performance.now()
        stderr.write(`${progressSentence(title, progress)}\n`)
      }
    },
    clear,
  }
}

/** Names in torrents and the answers of trackers are written by others. */
function plainLines(text: string): string {
  return text.split('\n').map(plainText).join('\n')
}
