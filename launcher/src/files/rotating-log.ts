import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

/** A log has one file and one older one, so it takes twice this many bytes at most. */
const ROTATE_AT_BYTES = 10 * 1024 * 1024
const MAX_LINE_LENGTH = 64 * 1024

/** Every line is written at once, so that there is nothing to queue and nothing to lose at the end. */
export class RotatingLog {
  readonly #file: string
  readonly #rotateAtBytes: number
  readonly #onProblem: (problem: string) => void
  #descriptor: number
  #sizeBytes: number
  #isFailing = false

  constructor(file: string, onProblem: (problem: string) => void, rotateAtBytes = ROTATE_AT_BYTES) {
    this.#file = file
    this.#rotateAtBytes = rotateAtBytes
    this.#onProblem = onProblem
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    this.#descriptor = openSync(file, 'a', 0o600)
    this.#sizeBytes = fstatSync(this.#descriptor).size
  }

  /** A full disk must not take the processes along, so their lines are dropped, and the loss is reported once. */
  append(line: string): void {
    try {
      const bytes = Buffer.from(`${line.slice(0, MAX_LINE_LENGTH)}\n`)
      if (this.#sizeBytes > 0 && this.#sizeBytes + bytes.length > this.#rotateAtBytes) this.#rotate()
      this.#sizeBytes += writeSync(this.#descriptor, bytes)
      this.#isFailing = false
    } catch (error) {
      if (!this.#isFailing) this.#onProblem(`${this.#file} cannot be written: ${messageOf(error)}`)
      this.#isFailing = true
    }
  }

  close(): void {
    closeSync(this.#descriptor)
  }

  /** A log that cannot be rotated goes on in the file that is open, and is tried again after as many bytes. */
  #rotate(): void {
    this.#sizeBytes = 0
    const older = this.#descriptor
    try {
      renameIfThere(this.#file, `${this.#file}.1`)
      this.#descriptor = openSync(this.#file, 'a', 0o600)
    } catch (error) {
      this.#onProblem(`${this.#file} cannot be rotated: ${messageOf(error)}`)
      return
    }
    closeSync(older)
  }
}

/** Somebody may have removed the file to make space. */
function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
