import { closeSync, constants, createReadStream, createWriteStream, open, openSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { promisify } from 'node:util'
import { ownDescriptor } from './save-target.ts'

/**
 * Reads a pipe or a device, which gives its bytes only once. The signal ends the reading even while nothing comes,
 * because a blocked read would keep the process from ending.
 */
export async function readSpecial(path: string, signal: AbortSignal): Promise<Readable> {
  const { fd, isPipe } = await openSpecial(path, constants.O_RDONLY, signal)
  if (!isPipe) return createReadStream(path, { fd, signal })
  return new Socket({ fd, readable: true, writable: false, signal })
}

/** Writes into a pipe or a device; the signal ends that as it does in `readSpecial`. */
export async function writeSpecial(path: string, signal: AbortSignal): Promise<Writable> {
  const own = ownDescriptor(path)
  if (own !== null && (await stat(path)).isFile()) return createWriteStream(path, { fd: own, autoClose: false, signal })
  const { fd, isPipe } = await openSpecial(path, constants.O_WRONLY, signal)
  if (!isPipe) return createWriteStream(path, { fd, signal })
  return new Socket({ fd, readable: false, writable: true, signal })
}

/**
 * Opening a named pipe waits for its other end. To abort that wait, this process itself becomes the other end, and stays
 * it until the opening has ended: a thread that opens the pipe may get to it after the signal.
 */
async function openSpecial(
  path: string,
  flags: number,
  signal: AbortSignal,
): Promise<{ readonly fd: number; readonly isPipe: boolean }> {
  const isPipe = (await stat(path)).isFIFO()
  let otherEnd: number | null = null
  const wake = (): void => {
    try {
      otherEnd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
    } catch {
      // A process without the right to be the other end has to wait until there is one.
    }
  }
  signal.throwIfAborted()
  if (isPipe) signal.addEventListener('abort', wake, { once: true })
  try {
    const fd = await promisify(open)(path, flags)
    if (!signal.aborted) return { fd, isPipe }
    closeSync(fd)
    throw signal.reason
  } finally {
    signal.removeEventListener('abort', wake)
    if (otherEnd !== null) closeSync(otherEnd)
  }
}
