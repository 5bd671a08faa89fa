import { createReadStream, createWriteStream, fstatSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'

/**
 * Returns `process.stdin` and `process.stdout`, but opens a disk or a directory itself: Node takes those for an empty
 * input and for an output that swallows everything.
 */
export function openStandardStreams(): { readonly stdin: Readable; readonly stdout: Writable } {
  return {
    stdin: isUnknown(0) ? createReadStream('', { fd: 0 }) : process.stdin,
    stdout: isUnknown(1) ? createWriteStream('', { fd: 1 }) : process.stdout,
  }
}

function isUnknown(fd: number): boolean {
  const found = fstatSync(fd)
  return found.isBlockDevice() || found.isDirectory()
}
