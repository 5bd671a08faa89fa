import type { Metainfo } from '@holdfast/shared/node/torrent/metainfo'

/** A span is a part of one file. */
export interface Span {
  /** This is the file's number among those of the torrent. */
  readonly file: number
  readonly offset: number
  readonly length: number
}

/** Finds in which files the bytes of a torrent lie: it is its files, one after another (BEP 3). */
export class FileSpans {
  readonly #files: Metainfo['files']
  /** Tells where each file begins. */
  readonly #offsets: readonly number[]

  constructor(files: Metainfo['files']) {
    this.#files = files
    let offset = 0
    this.#offsets = files.map(({ length }) => {
      offset += length
      return offset - length
    })
  }

  offsetOf(file: number): number {
    return this.#offsets[file] ?? 0
  }

  /** @returns what lies there, in its order, without empty files. @param end is the first byte that is not meant */
  between(start: number, end: number): Span[] {
    const spans: Span[] = []
    for (let file = this.#fileAt(start); file < this.#files.length && this.offsetOf(file) < end; file++) {
      const fileStart = this.offsetOf(file)
      const from = Math.max(start, fileStart)
      const to = Math.min(end, fileStart + (this.#files[file]?.length ?? 0))
      if (from < to) spans.push({ file, offset: from - fileStart, length: to - from })
    }
    return spans
  }

  /** @returns the last file that begins there or before; empty ones that begin there come before the one that has the byte */
  #fileAt(byte: number): number {
    let low = 0
    let high = this.#offsets.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.offsetOf(middle) <= byte) low = middle + 1
      else high = middle
    }
    return Math.max(0, low - 1)
  }
}
