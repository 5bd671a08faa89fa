import { createInterface, type Interface } from 'node:readline'
import { Writable } from 'node:stream'
import { FollowingAbort } from '@holdfast/shared/following-abort'

const PROMPT = '> '

export interface PromptStreams {
  readonly stdin: NodeJS.ReadStream
  readonly stderr: NodeJS.WriteStream
}

/**
 * Reads lines, at a terminal with a prompt before each. While one is carried out the terminal belongs to what that shows: what
 * is typed meanwhile appears with the next prompt.
 */
export class Prompt {
  readonly #isTty: boolean
  readonly #output: Output
  readonly #interface: Interface
  /** Ends what is under way; it is null between lines. */
  #running: FollowingAbort | null = null
  #isShown = false
  /** So many lines wait that were typed while nothing typed was shown. */
  #unseenCount = 0

  /** @param onLeave hears that the user wants to leave: of Ctrl-C between lines, and of Ctrl-D */
  constructor({ stdin, stderr }: PromptStreams, onLeave: () => void) {
    this.#isTty = stdin.isTTY && stderr.isTTY
    this.#output = new Output(stderr)
    this.#interface = createInterface({ input: stdin, output: this.#output, terminal: this.#isTty, prompt: PROMPT })
    this.#interface.on('SIGINT', () => {
      if (this.#running !== null) this.#running.abort()
      else if (this.#interface.line !== '') this.#forgetLine()
      else onLeave()
    })
    this.#interface.on('line', () => {
      if (this.#output.isMuted) this.#unseenCount += 1
    })
    this.#interface.on('close', () => {
      if (this.#isTty) onLeave()
    })
  }

  /**
   * Has lines carried out, one after the other, until the input or the signal ends it.
   * @param work gets a signal that Ctrl-C fires as well, which ends this line and no other
   */
  async run(work: (line: string, signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    this.#show()
    for await (const line of this.#interface) {
      if (this.#unseenCount > 0) this.#output.write(`\r${PROMPT}${line}\u001b[K\n`)
      this.#unseenCount = Math.max(this.#unseenCount - 1, 0)
      this.#isShown = false
      using running = new FollowingAbort(signal)
      this.#running = running
      this.#output.isMuted = this.#isTty
      await work(line, running.signal)
      this.#output.isMuted = false
      this.#running = null
      if (signal.aborted) return
      this.#show()
    }
  }

  close(): void {
    this.#interface.close()
    // What comes after the program does not stand behind its prompt.
    if (this.#isShown) this.#output.write('\n')
    this.#isShown = false
  }

  #show(): void {
    if (!this.#isTty) return
    this.#interface.prompt(true)
    this.#isShown = true
  }

  #forgetLine(): void {
    this.#interface.write(null, { ctrl: true, name: 'e' })
    this.#interface.write(null, { ctrl: true, name: 'u' })
  }
}

/** Passes on what readline writes, unless it is muted. */
class Output extends Writable {
  isMuted = false
  readonly #terminal: NodeJS.WriteStream

  constructor(terminal: NodeJS.WriteStream) {
    super()
    this.#terminal = terminal
    terminal.on('resize', () => this.emit('resize'))
  }

  get columns(): number {
    return this.#terminal.columns
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: () => void): void {
    if (!this.isMuted) this.#terminal.write(chunk)
    done()
  }
}
