import { StringDecoder } from 'node:string_decoder'

const MAX_LINE_LENGTH = 64 * 1024

/** Turns chunks into lines, and cuts a line that does not end, so that its memory is bounded. */
export class LineSplitter {
  readonly #onLine: (line: string) => void
  readonly #decoder = new StringDecoder('utf8')
  #rest = ''

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine
  }

  push(chunk: Buffer): void {
    const lines = (this.#rest + this.#decoder.write(chunk)).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) this.#onLine(line)
    if (this.#rest.length > MAX_LINE_LENGTH) this.end()
  }

  end(): void {
    if (this.#rest !== '') this.#onLine(this.#rest)
    this.#rest = ''
  }
}
